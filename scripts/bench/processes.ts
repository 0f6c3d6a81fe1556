/**
 * What the processes of a network use: CPU time and resident memory, by process and by thread, from Linux's /proc.
 *
 * CPU time is the figure to trust on a shared machine: rates of a run move with whatever else runs, this hardly does.
 * Shared pages count in every process that maps them, so the sum of resident memory is an upper bound.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { descendantsOf } from '../../testnet/processes.ts';

/** One process at one moment. */
export interface Usage {
  /** CPU time of all threads, µs. */
  readonly cpuMicros: number;
  /** CPU time of the main thread, µs; the rest is garbage collection, compilation and the thread pool. */
  readonly mainMicros: number;
  readonly residentBytes: number;
  /** Resident bytes that are no part of a file: LevelDB maps its tables, which the system may drop at any time. */
  readonly ownBytes: number;
}

/** The two sides of one validator; the enclave's includes the wrappers of its jail. */
export interface ValidatorUsage {
  readonly node: Usage;
  readonly enclave: Usage;
}

const TICK_MICROS = 10_000;
const PAGE_BYTES = 4096;
const NOTHING: Usage = { cpuMicros: 0, mainMicros: 0, residentBytes: 0, ownBytes: 0 };

/** Fields of proc(5) stat behind the command name. */
const statFields = (path: string): number[] => {
  const text = readFileSync(path, 'latin1');
  return text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
};

const ticksOf = (fields: readonly number[]): number => (fields[11] ?? 0) + (fields[12] ?? 0);

/** Of proc(5) statm: resident pages without those of files. */
const ownPages = (pid: number): number => {
  const [, resident = 0, ofFiles = 0] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
  return resident - ofFiles;
};

/** Usage of one process; all zero once it is gone. */
export const usageOf = (pid: number): Usage => {
  try {
    const fields = statFields(`/proc/${pid}/stat`);
    return {
      cpuMicros: ticksOf(fields) * TICK_MICROS,
      mainMicros: ticksOf(statFields(`/proc/${pid}/task/${pid}/stat`)) * TICK_MICROS,
      residentBytes: (fields[21] ?? 0) * PAGE_BYTES,
      ownBytes: ownPages(pid) * PAGE_BYTES,
    };
  } catch {
    return NOTHING;
  }
};

const sum = (usages: readonly Usage[]): Usage => ({
  cpuMicros: usages.reduce((total, { cpuMicros }) => total + cpuMicros, 0),
  mainMicros: usages.reduce((total, { mainMicros }) => total + mainMicros, 0),
  residentBytes: usages.reduce((total, { residentBytes }) => total + residentBytes, 0),
  ownBytes: usages.reduce((total, { ownBytes }) => total + ownBytes, 0),
});

/** Remembers which processes belong to each validator, and reads them all at once. */
export class ProcessGroup {
  readonly #validators: readonly { readonly node: number; readonly enclave: readonly number[] }[];

  constructor(nodes: readonly { readonly pids: { readonly node: number | undefined } }[]) {
    this.#validators = nodes.flatMap(({ pids: { node } }) =>
      node === undefined ? [] : [{ node, enclave: descendantsOf(node).map(({ pid }) => pid) }],
    );
  }

  /** Usage of every validator now. */
  read(): ValidatorUsage[] {
    return this.#validators.map(({ node, enclave }) => ({ node: usageOf(node), enclave: sum(enclave.map(usageOf)) }));
  }
}

/** Memory of all processes, of one kind. */
export const memoryOf = (usages: readonly ValidatorUsage[], kind: 'residentBytes' | 'ownBytes'): number =>
  usages.reduce((total, { node, enclave }) => total + node[kind] + enclave[kind], 0);

/** Whether this system has what the measurements need. */
export const canMeasure = (): boolean => {
  try {
    return readdirSync('/proc/self/task').length > 0;
  } catch {
    return false;
  }
};
