/**
 * The lifeline to the process that launched this one (scripts/launch.mjs): when that process ends, however it ends,
 * this one gets SIGTERM, so its handlers stop what it started, or its own end does.
 */
import { Socket } from 'node:net';

const VARIABLE = 'CLOISTER_LIFELINE';

/** Follows the launcher, if there is one and it is this process's parent. Further calls do nothing. */
export const followLifeline = (): void => {
  const [launcher, descriptor] = (process.env[VARIABLE] ?? '').split(':').map(Number);
  delete process.env[VARIABLE];
  if (launcher !== process.ppid || descriptor === undefined) return;
  const line = new Socket({ fd: descriptor, readable: true, writable: false });
  line.unref();
  line.resume();
  line.on('error', () => undefined);
  line.once('close', () => process.kill(process.pid, 'SIGTERM'));
};
