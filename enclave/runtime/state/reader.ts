/**
 * The read side of contract state: what every layer of state answers.
 *
 * Keys are ordered by UTF-16 code units, the order of `<` on strings, so every replica scans alike.
 */

/** One entry of contract state. */
export type StateEntry = readonly [key: string, value: string];

/** A half-open key range `from <= key < to`, walked upwards or downwards. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
  readonly reverse: boolean;
}

/** A readable layer of state: the committed map, a block's overlay or a call's overlay. */
export interface StateReader {
  /** The value under `key`, or undefined when there is none. */
  get(key: string): string | undefined;
  /** Walks the entries of `range` in order; the walk is lazy and must end before the next write. */
  walk(range: KeyRange): Iterator<StateEntry>;
}

/** Compares keys by code units, as `<` does. */
export function compareKeys(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Collects at most `limit` entries of a range. */
export function scan(reader: StateReader, range: KeyRange, limit: number): StateEntry[] {
  const found: StateEntry[] = [];
  const entries = reader.walk(range);
  while (found.length < limit) {
    const step = entries.next();
    if (step.done === true) break;
    found.push(step.value);
  }
  return found;
}
