/**
 * Committed contract state: an ordered map of strings with byte accounting and a configured bound.
 *
 * Invariants: `bytes` is the sum of `entryBytes` over all entries and never exceeds `maxBytes`;
 * entries change only through `apply`, which takes one block's whole write set.
 */
import type { KeyRange, StateEntry, StateReader } from './reader.ts';
import { newTree, walkTree } from './sorted-tree.ts';

/** Bytes charged per entry beside its text: tree slot, string headers and its share of the trie. */
export const ENTRY_OVERHEAD_BYTES = 512;

/** The accounted size of one entry; strings are charged two bytes per code unit. */
export function entryBytes(key: string, value: string): number {
  return ENTRY_OVERHEAD_BYTES + 2 * (key.length + value.length);
}

/** One write: a new value, or undefined for a removal. */
export type StateWrite = readonly [key: string, value: string | undefined];

/** The ordered map of everything the network agreed on. */
export class OrderedState implements StateReader {
  readonly maxBytes: number;
  readonly #tree = newTree<string>(64);
  #bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Accounted bytes of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of entries. */
  get size(): number {
    return this.#tree.size;
  }

  get(key: string): string | undefined {
    return this.#tree.get(key);
  }

  walk(range: KeyRange): Iterator<StateEntry> {
    return walkTree(this.#tree, range);
  }

  /** Applies a block's write set; the caller has kept it within the bound. */
  apply(writes: Iterable<StateWrite>): void {
    for (const [key, value] of writes) {
      const before = this.#tree.get(key);
      if (before !== undefined) this.#bytes -= entryBytes(key, before);
      if (value === undefined) {
        this.#tree.delete(key);
      } else {
        this.#tree.set(key, value);
        this.#bytes += entryBytes(key, value);
      }
    }
  }
}
