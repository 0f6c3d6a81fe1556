/** Ctrl-C and its like: once asked for, signals stop what runs in order instead of killing the process. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborted by the first signal that asks the process to end, whose name is the reason; further ones change nothing. */
export const interruption = (): AbortSignal => {
  const controller = new AbortController();
  for (const name of SIGNALS) process.on(name, () => controller.abort(name));
  return controller.signal;
};

/** Exit code of a command that a signal ended: 128 and the signal's number, as shells have it. */
export const interruptedExitCode = ({ reason }: AbortSignal): number =>
  128 + constants.signals[reason as (typeof SIGNALS)[number]];
