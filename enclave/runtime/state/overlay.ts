/**
 * An overlay of pending writes over another layer of state.
 *
 * A block has one overlay over the committed map; each call has one over the block's. Invariants: the parent
 * is never changed before `commitInto`; `bytesDelta` is the change of accounted bytes that committing would
 * cause, so the bound is checked before anything is applied; ranges show the merged view.
 */
import type { StateWrite } from './ordered-state.ts';
import { entryBytes } from './ordered-state.ts';
import type { KeyRange, StateEntry, StateReader } from './reader.ts';
import { compareKeys } from './reader.ts';
import { newTree, walkTree } from './sorted-tree.ts';

const WRITE_OVERHEAD_BYTES = 8;
const UTF8_WIDEST = 3;

/** A writable layer over `parent`. */
export class Overlay implements StateReader {
  readonly #parent: StateReader;
  readonly #writes = newTree<string | undefined>(32);
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
    this.#account(key, value);
    this.#writes.set(key, value);
  }

  /** Removes `key`. */
  remove(key: string): void {
    this.#account(key, undefined);
    this.#writes.set(key, undefined);
  }

  walk(range: KeyRange): Iterator<StateEntry> {
    return this.#writes.size === 0 ? this.#parent.walk(range) : this.#merge(range);
  }

  /** The pending writes in key order. */
  writes(): Iterable<StateWrite> {
    return this.#writes.entries();
  }

  /** Moves every pending write into `target` and empties this overlay. */
  commitInto(target: Overlay): void {
    for (const [key, value] of this.#writes.entries()) {
      if (value === undefined) target.remove(key);
      else target.set(key, value);
    }
    this.discard();
  }

  /** Forgets every pending write. */
  discard(): void {
    this.#writes.clear();
    this.#bytesDelta = 0;
    this.#writeBytes = 0;
  }

  #account(key: string, value: string | undefined): void {
    const before = this.get(key);
    if (before !== undefined) this.#bytesDelta -= entryBytes(key, before);
    if (value !== undefined) this.#bytesDelta += entryBytes(key, value);
    const known = this.#writes.has(key);
    if (!known) this.#writeBytes += WRITE_OVERHEAD_BYTES + UTF8_WIDEST * key.length;
    this.#writeBytes += UTF8_WIDEST * ((value?.length ?? 0) - (known ? (before?.length ?? 0) : 0));
  }

  *#merge(range: KeyRange): Generator<StateEntry, void> {
    const own = walkTree(this.#writes, range);
    const below = this.#parent.walk(range);
    let mine = own.next();
    let theirs = below.next();
    while (mine.done !== true || theirs.done !== true) {
      if (mine.done === true) {
        if (theirs.done !== true) yield theirs.value;
        theirs = below.next();
        continue;
      }
      const [key, value] = mine.value;
      const order = theirs.done === true ? -1 : compareKeys(key, theirs.value[0]) * (range.reverse ? -1 : 1);
      if (order > 0) {
        if (theirs.done !== true) yield theirs.value;
        theirs = below.next();
        continue;
      }
      if (order === 0) theirs = below.next();
      if (value !== undefined) yield [key, value];
      mine = own.next();
    }
  }
}
