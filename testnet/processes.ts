/**
 * Processes of the operating system: who lives, who descends from whom.
 *
 * A process is named by its id together with its start time, so that a reused id is never taken for the old process.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that was seen. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time as the system gives it; undefined where it gives none. */
  readonly started: string | undefined;
}

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly identity: ProcessIdentity;
}

const hasProc = process.platform === 'linux';
const POLL_MS = 15;

const ZOMBIE_STATES = ['Z', 'X'];

/** Fields of proc(5) stat after the command name: state, parent, …, start time as the 22nd field of all. */
const readStat = (
  pid: number,
): { readonly state: string; readonly parent: number; readonly started: string } | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? 'X', parent: Number(fields[1]), started: fields[19] ?? '' };
  } catch {
    return undefined;
  }
};

const signalable = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
};

/** Names a process id; undefined when there is no such process. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  if (!hasProc) return signalable(pid) ? { pid, started: undefined } : undefined;
  const stat = readStat(pid);
  return stat === undefined || ZOMBIE_STATES.includes(stat.state) ? undefined : { pid, started: stat.started };
};

/** Whether a process still runs; an ended one that nobody waited for does not. */
export const isRunning = ({ pid, started }: ProcessIdentity): boolean => {
  const now = identify(pid);
  return now !== undefined && (started === undefined || now.started === started);
};

const listProcesses = (): Listed[] => {
  if (!hasProc) {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => {
      const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
      return { pid, parent, identity: { pid, started: undefined } };
    });
  }
  return readdirSync('/proc').flatMap((entry) => {
    const pid = Number(entry);
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined;
    return stat === undefined || ZOMBIE_STATES.includes(stat.state)
      ? []
      : [{ pid, parent: stat.parent, identity: { pid, started: stat.started } }];
  });
};

/** Every descendant of a process, nearest first. */
export const descendantsOf = (ancestor: number): ProcessIdentity[] => {
  const all = listProcesses();
  const found: ProcessIdentity[] = [];
  let parents = [ancestor];
  while (parents.length > 0) {
    const children = all.filter(({ parent }) => parents.includes(parent));
    found.push(...children.map(({ identity }) => identity));
    parents = children.map(({ pid }) => pid);
  }
  return found;
};

/** Waits until all of these have ended or the signal is given; returns those that had not by then. */
export const waitUntilEnded = async (
  processes: readonly ProcessIdentity[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<readonly ProcessIdentity[]> => {
  const deadline = performance.now() + timeoutMs;
  let left = processes.filter(isRunning);
  while (left.length > 0 && performance.now() < deadline && signal?.aborted !== true) {
    await delay(POLL_MS);
    left = left.filter(isRunning);
  }
  return left;
};

/** Kills a process if it is still the one that was seen. */
export const killProcess = (target: ProcessIdentity, signal: NodeJS.Signals): void => {
  if (!isRunning(target)) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // It ended in between.
  }
};
