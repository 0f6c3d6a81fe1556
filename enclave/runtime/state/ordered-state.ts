/**
 * Committed contract state: an ordered map of strings with byte accounting.
 *
 * Invariants: `bytes` is the sum of `entryBytes` over all entries, which execution keeps within the configured bound;
 * entries change only through `apply`, which takes one block's whole write set. Values lie in a hash map, since reads
 * of one key are what execution does most; the tree holds the keys alone and changes only with the set of keys.
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

/**
 * The ordered map of everything the network agreed on. A hash map of V8 holds 2^24 entries; at no less than
 * ENTRY_OVERHEAD_BYTES each, the largest configurable bound on state stays below that.
 */
export class OrderedState implements StateReader {
  readonly #values = new Map<string, string>();
  readonly #keys = newTree<undefined>(64);
  #bytes = 0;

  /** Accounted bytes of all entries. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of entries. */
  get size(): number {
    return this.#values.size;
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  *walk(range: KeyRange): Generator<StateEntry, void> {
    for (const [key] of walkTree(this.#keys, range)) {
      const value = this.#values.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Applies a block's write set; the caller has kept it within the bound. */
  apply(writes: Iterable<StateWrite>): void {
    for (const [key, value] of writes) {
      const before = this.#values.get(key);
      if (before !== undefined) this.#bytes -= entryBytes(key, before);
      if (value === undefined) {
        this.#values.delete(key);
        if (before !== undefined) this.#keys.delete(key);
      } else {
        this.#values.set(key, value);
        if (before === undefined) this.#keys.set(key, undefined);
        this.#bytes += entryBytes(key, value);
      }
    }
  }
}
