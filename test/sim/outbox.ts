/**
 * What a simulated machine still has to do: effects strictly in the order of their steps, each step's only when what it
 * relies on is durable. A crash can be set to fall between any two of them.
 */
import type { Effect } from '../../consensus/effect.ts';

interface Entry {
  readonly readyMs: number;
  readonly effects: readonly Effect[];
}

/** See the module comment. */
export class Outbox {
  readonly #perform: (effect: Effect) => void;
  readonly #crash: () => void;
  #entries: Entry[] = [];
  #draining = false;
  /** Effects that are still done before the crash; undefined while none is due. */
  #fuse: number | undefined;

  constructor(perform: (effect: Effect) => void, crash: () => void) {
    this.#perform = perform;
    this.#crash = crash;
  }

  /** Crashes after some more effects, or not at all. */
  crashAfter(effects: number | undefined): void {
    this.#fuse = effects;
  }

  /** Forgets everything: the machine is down. */
  clear(): void {
    this.#entries = [];
    this.#fuse = undefined;
  }

  /** Adds the effects of a step, to be done from a time on. */
  push(readyMs: number, effects: readonly Effect[]): void {
    this.#entries.push({ readyMs, effects });
  }

  /** Does what is ready; what arises meanwhile waits for its turn. */
  drain(nowMs: number): void {
    if (this.#draining) return;
    this.#draining = true;
    for (let next = this.#entries[0]; next !== undefined && next.readyMs <= nowMs; next = this.#entries[0]) {
      this.#entries.shift();
      for (const effect of next.effects) {
        if (this.#fuse === 0) {
          this.#crash();
          break;
        }
        if (this.#fuse !== undefined) this.#fuse -= 1;
        this.#perform(effect);
      }
    }
    this.#draining = false;
  }
}
