/**
 * Starts the pinned Node in place of the system's and stands in for it: terminal, signals and exit code are passed on.
 *
 * The child holds the other end of a pipe, its lifeline (testnet/lifeline.ts): it stops in order when this process
 * ends, even by SIGKILL. Under npm this process follows npm in the same way.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPILE_CACHE = join(dirname(dirname(fileURLToPath(import.meta.url))), 'node_modules', '.cache', 'cloister');
const LIFELINE_DESCRIPTOR = 3;
const PARENT_CHECK_MS = 500;

/** Our parent and, where the system tells, its parent: npm may have put a shell between itself and us. */
const ancestors = () => {
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'latin1');
    return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]}`;
  } catch {
    return String(process.ppid);
  }
};

/** Runs `binary args…` until it ends; never returns. */
export const launch = (binary, args) => {
  const child = spawn(binary, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: {
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...process.env,
      CLOISTER_LIFELINE: `${process.pid}:${LIFELINE_DESCRIPTOR}`,
    },
  });
  child.stdio[LIFELINE_DESCRIPTOR].on('error', () => undefined);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event !== undefined) {
    const before = ancestors();
    setInterval(() => {
      if (ancestors() !== before) child.kill('SIGTERM');
    }, PARENT_CHECK_MS).unref();
  }
  child.on('error', (error) => {
    process.stderr.write(`${binary} cannot be started: ${error.message}\n`);
    process.exit(3);
  });
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
};
