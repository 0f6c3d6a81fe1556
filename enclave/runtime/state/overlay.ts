/**
 * An overlay of pending writes over another layer of state.
 *
 * A block has one overlay over the committed map; each call has one over the block's. Invariants: the parent
 * is never changed before `commitInto`; `bytesDelta` is the change of accounted bytes that committing would
 * cause, so the bound is checked before anything is applied; ranges show the merged view. Pending writes lie in a
 * hash map; their ordered keys are kept only from the first range on, which most calls never ask for.
 */
import type { StateWrite } from './ordered-state.ts';
import { entryBytes } from './ordered-state.ts';
import type { KeyRange, StateEntry, StateReader } from './reader.ts';
import { compareKeys } from './reader.ts';
import { newTree, type SortedTree, walkTree } from './sorted-tree.ts';

const WRITE_OVERHEAD_BYTES = 8;
const UTF8_WIDEST = 3;

/** A writable layer over `parent`. */
export class Overlay implements StateReader {
  readonly #parent: StateReader;
  readonly #writes = new Map<string, string | undefined>();
  /** The keys of `#writes` in order, once a range was asked for. */
  #ordered: SortedTree<string> | undefined;
  #bytesDelta = 0;
  #writeBytes = 0;

  constructor(parent: StateReader) {
    this.#parent = parent;
  }

  /** Accounted bytes that committing this overlay would add (or free, when negative). */
  get bytesDelta(): number {
    return this.#bytesDelta;
  }

  /** Bytes that the pending writes take in a write set, at the widest encoding of their text. */
  get writeBytes(): number {
    return this.#writeBytes;
  }

  /** Number of distinct keys written or removed. */
  get size(): number {
    return this.#writes.size;
  }

  get(key: string): string | undefined {
    const own = this.#writes.get(key);
    if (own !== undefined) return own;
    return this.#writes.size > 0 && this.#writes.has(key) ? undefined : this.#parent.get(key);
  }

  /** Writes `value` under `key`. */
  set(key: string, value: string): void {
    this.#write(key, value);
  }

  /** Removes `key`. */
  remove(key: string): void {
    this.#write(key, undefined);
  }

  walk(range: KeyRange): Iterator<StateEntry> {
    return this.#writes.size === 0 ? this.#parent.walk(range) : this.#merge(range);
  }

  /** The pending writes in key order. */
  writes(): Iterable<StateWrite> {
    return [...this.#writes].sort(([a], [b]) => compareKeys(a, b));
  }

  /** Moves every pending write into `target` and empties this overlay. */
  commitInto(target: Overlay): void {
    for (const [key, value] of this.#writes) {
      if (value === undefined) target.remove(key);
      else target.set(key, value);
    }
    this.discard();
  }

  /** Forgets every pending write. */
  discard(): void {
    this.#writes.clear();
    this.#ordered = undefined;
    this.#bytesDelta = 0;
    this.#writeBytes = 0;
  }

  #write(key: string, value: string | undefined): void {
    const own = this.#writes.get(key);
    const known = own !== undefined || this.#writes.has(key);
    this.#account(key, value, known ? own : this.#parent.get(key), known);
    this.#writes.set(key, value);
    if (!known) this.#ordered?.set(key, key);
  }

  #account(key: string, value: string | undefined, before: string | undefined, known: boolean): void {
    if (before !== undefined) this.#bytesDelta -= entryBytes(key, before);
    if (value !== undefined) this.#bytesDelta += entryBytes(key, value);
    if (!known) this.#writeBytes += WRITE_OVERHEAD_BYTES + UTF8_WIDEST * key.length;
    this.#writeBytes += UTF8_WIDEST * ((value?.length ?? 0) - (known ? (before?.length ?? 0) : 0));
  }

  #keys(): SortedTree<string> {
    if (this.#ordered !== undefined) return this.#ordered;
    const ordered = newTree<string>(32);
    for (const key of this.#writes.keys()) ordered.set(key, key);
    this.#ordered = ordered;
    return ordered;
  }

  *#merge(range: KeyRange): Generator<StateEntry, void> {
    const own = walkTree(this.#keys(), range);
    const below = this.#parent.walk(range);
    let mine = own.next();
    let theirs = below.next();
    while (mine.done !== true || theirs.done !== true) {
      if (mine.done === true) {
        if (theirs.done !== true) yield theirs.value;
        theirs = below.next();
        continue;
      }
      const [key] = mine.value;
      const order = theirs.done === true ? -1 : compareKeys(key, theirs.value[0]) * (range.reverse ? -1 : 1);
      if (order > 0) {
        if (theirs.done !== true) yield theirs.value;
        theirs = below.next();
        continue;
      }
      if (order === 0) theirs = below.next();
      const value = this.#writes.get(key);
      if (value !== undefined) yield [key, value];
      mine = own.next();
    }
  }
}
