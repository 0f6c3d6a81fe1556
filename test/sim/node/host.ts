/**
 * The computer under simulated nodes: one agenda for everything that happens, and the process that it happens to.
 *
 * While something runs, and everything that it set off without waiting for the agenda, `current` is the process that it
 * belongs to; clocks, files and timers that production code asks for are that process's own. A process that was killed
 * gets nothing any more, whatever waited for it.
 */
import { Agenda } from '../agenda.ts';
import { type Random, randomOf } from '../random.ts';
import { GENESIS_MS } from '../fake-crypto.ts';
import type { Disk, SimFile } from './disk.ts';

/** One run of a node's process on a machine. */
export interface SimProcess {
  readonly machine: number;
  readonly disk: Disk;
  readonly startedMs: number;
  /** Milliseconds by which the machine's calendar is wrong. */
  readonly skewMs: () => number;
  alive: boolean;
  /** Effects on disk and network after which the process dies; undefined while it need not. */
  fuse: number | undefined;
  /** Kills the process and takes the machine's power away. */
  readonly kill: () => void;
}

/** The real one: all microtasks have run before the next of them runs, also of those that were asked for together. */
const realImmediate = globalThis.setImmediate;
/** Turns that are asked for together: one of its own each would cost as much as what happens in it. */
const TURNS = 64;

/** See the module comment. */
export class Host {
  readonly agenda = new Agenda();
  readonly random: Random;
  /** Files that processes hold open, the dead ones too, by descriptor; undefined for a folder. */
  readonly openFiles = new Map<number, SimFile | undefined>();
  #descriptors = 100;
  #current: SimProcess | undefined;
  #hash = 0x811c9dc5;
  /** Things that happened. */
  steps = 0;

  constructor(seed: number) {
    this.random = randomOf(seed ^ 0x5eed);
  }

  /** The process that runs now. */
  get current(): SimProcess {
    if (this.#current === undefined) throw new TypeError('no simulated process runs');
    return this.#current;
  }

  /** Opens a file, or a folder. */
  open(file: SimFile | undefined): number {
    this.#descriptors += 1;
    this.openFiles.set(this.#descriptors, file);
    return this.#descriptors;
  }

  /** Hash of everything that happened, in order. */
  get trace(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Milliseconds since the start of the process: never back. */
  monotonicMs({ startedMs }: SimProcess): number {
    return this.agenda.nowMs - startedMs + 1_000;
  }

  /** What the machine's calendar shows. */
  wallMs({ skewMs }: SimProcess): number {
    return GENESIS_MS + 1_000 + Math.floor(this.agenda.nowMs + skewMs());
  }

  /** Lets something happen to a process at a time, unless it is dead by then. */
  later(process: SimProcess, atMs: number, run: () => void): void {
    this.agenda.at(atMs, () => {
      if (!process.alive) return;
      this.note(process.machine);
      this.within(process, run);
    });
  }

  /** Runs something as a process: one process only at each event, since what it sets off runs on until all is settled. */
  within(process: SimProcess, run: () => void): void {
    if (this.#current !== undefined && this.#current !== process) throw new TypeError('two processes run at one event');
    this.#current = process;
    run();
  }

  /** Whether a process still does what it is about to do: a crash falls between any two of its effects. */
  mayAct(process: SimProcess): boolean {
    if (process.alive && process.fuse === 0) process.kill();
    if (process.fuse !== undefined) process.fuse -= 1;
    return process.alive;
  }

  /** Adds to the trace. */
  note(value: number): void {
    this.steps += 1;
    this.#hash = Math.imul(this.#hash ^ value ^ Math.floor(this.agenda.nowMs * 1_000), 0x01000193);
    this.#hash ^= this.#hash >>> 13;
  }

  /** Lets everything happen up to a time or until something holds; says whether it does. */
  run(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let left = 0;
      let ended = false;
      const turn = (): void => {
        left -= 1;
        if (ended) return;
        this.#current = undefined;
        try {
          ended = done() || !this.agenda.runNext(untilMs);
        } catch (error) {
          ended = true;
          return reject(error);
        }
        if (ended) resolve(done());
        else if (left === 0) ask();
      };
      const ask = (): void => {
        for (; left < TURNS; left += 1) realImmediate(turn);
      };
      ask();
    });
  }
}

let present: Host | undefined;

/** The host of the seed that runs now. */
export const host = (): Host => {
  if (present === undefined) throw new TypeError('no simulation runs');
  return present;
};

/** Makes a host the present one. */
export const useHost = (next: Host): void => {
  present = next;
};
