/**
 * Holds the building of a block back while execution is behind: transactions that arrive meanwhile share the block, and
 * with it everything that is paid once a block. A hold ends by itself, so execution never makes a leader look dead.
 */
import type { Effect } from '../consensus/effect.ts';

/** The wish for a block. */
export type Build = Extract<Effect, { kind: 'build' }>;

/** Final blocks in execution from which on a proposal waits: one runs, one is ready, more would only make blocks small. */
const HOLD_FROM_BACKLOG = 2;
/** Longest hold, as part of the base timeout. */
const HOLD_FRACTION = 0.25;

/** See the module comment. */
export class BuildHold implements Disposable {
  readonly #backlog: () => number;
  readonly #build: (effect: Build) => void;
  #held: { readonly effect: Build; readonly timer: NodeJS.Timeout } | undefined;

  /** `backlog`: final blocks that wait for their execution. */
  constructor(backlog: () => number, build: (effect: Build) => void) {
    this.#backlog = backlog;
    this.#build = build;
  }

  /** Builds at once, or when execution has caught up; a newer wish replaces the one that waits. */
  want(effect: Build, baseTimeoutMs: number): void {
    this[Symbol.dispose]();
    if (effect.payload === 'empty' || this.#backlog() < HOLD_FROM_BACKLOG) return this.#build(effect);
    this.#held = { effect, timer: setTimeout(() => this.#release(), HOLD_FRACTION * baseTimeoutMs) };
  }

  /** A block was executed: what waited for it goes on. */
  executed(): void {
    if (this.#backlog() < HOLD_FROM_BACKLOG) this.#release();
  }

  /** Gives up what waits. */
  [Symbol.dispose](): void {
    clearTimeout(this.#held?.timer);
    this.#held = undefined;
  }

  #release(): void {
    const effect = this.#held?.effect;
    this[Symbol.dispose]();
    if (effect !== undefined) this.#build(effect);
  }
}
