/**
 * Searches bytes for many patterns at once: a rolling hash over a short window (Rabin and Karp, 1987), a bit filter that
 * turns away almost every position, and a byte comparison for the rest. Each pattern is filed under its last bytes.
 * Invariant: every occurrence is found once, also across the borders of the pieces that a stream is fed in.
 */

/** Shortest pattern that may be searched for: shorter ones would be found by chance. */
export const MIN_PATTERN_BYTES = 6;

const WINDOW = MIN_PATTERN_BYTES;
const BASE = 0x01000193;
const SPREAD = 0x9e3779b1;
const FILTER_BITS = 23;

/** Called with the pattern's position in the list, and the place of its first byte in `bytes`. */
export type HitHandler = (pattern: number, bytes: Uint8Array, offset: number) => void;

const filterIndex = (hash: number): number => Math.imul(hash, SPREAD) >>> (32 - FILTER_BITS);

/** A fixed set of patterns. */
export class PatternSearcher {
  readonly longest: number;
  readonly #patterns: readonly Uint8Array[];
  readonly #filter = new Uint8Array(2 ** (FILTER_BITS - 3));
  readonly #byHash = new Map<number, number[]>();
  /** BASE to the power WINDOW, by byte: what leaves the window. */
  readonly #leaving = new Int32Array(256);

  constructor(patterns: readonly Uint8Array[]) {
    this.#patterns = patterns;
    this.longest = patterns.reduce((longest, { length }) => Math.max(longest, length), 0);
    let power = 1;
    for (let step = 0; step < WINDOW; step++) power = Math.imul(power, BASE);
    for (let byte = 0; byte < 256; byte++) this.#leaving[byte] = Math.imul(byte, power);
    patterns.forEach((pattern, index) => this.#file(pattern, index));
  }

  /** Finds every occurrence that ends at or after `from`. */
  search(bytes: Uint8Array, onHit: HitHandler, from = 0): void {
    const start = Math.max(0, from - WINDOW + 1);
    if (bytes.length - start < WINDOW) return;
    const filter = this.#filter;
    const leaving = this.#leaving;
    let hash = 0;
    for (let at = start; at < bytes.length; at++) {
      hash = (Math.imul(hash, BASE) + (bytes[at] as number)) | 0;
      const filled = at - start - WINDOW;
      if (filled >= 0) hash = (hash - (leaving[bytes[at - WINDOW] as number] as number)) | 0;
      const index = filterIndex(hash);
      if (((filter[index >>> 3] as number) & (1 << (index & 7))) !== 0 && filled >= -1)
        this.#compare(bytes, at, hash, onHit);
    }
  }

  /** A search over pieces of one whole, handed over in order. */
  stream(onHit: HitHandler): { readonly push: (piece: Uint8Array) => void } {
    let kept: Uint8Array = new Uint8Array(0);
    const push = (piece: Uint8Array): void => {
      const joined = Buffer.concat([kept, piece]);
      this.search(joined, onHit, kept.length);
      kept = joined.subarray(Math.max(0, joined.length - this.longest + 1));
    };
    return { push };
  }

  #file(pattern: Uint8Array, index: number): void {
    if (pattern.length < MIN_PATTERN_BYTES) throw new RangeError(`a pattern has at least ${MIN_PATTERN_BYTES} bytes`);
    let hash = 0;
    for (const byte of pattern.subarray(pattern.length - WINDOW)) hash = (Math.imul(hash, BASE) + byte) | 0;
    const list = this.#byHash.get(hash);
    if (list === undefined) this.#byHash.set(hash, [index]);
    else list.push(index);
    const bit = filterIndex(hash);
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] as number) | (1 << (bit & 7));
  }

  #compare(bytes: Uint8Array, last: number, hash: number, onHit: HitHandler): void {
    const candidates = this.#byHash.get(hash);
    if (candidates === undefined) return;
    for (const index of candidates) {
      const pattern = this.#patterns[index] as Uint8Array;
      const first = last + 1 - pattern.length;
      if (first >= 0 && matches(bytes, first, pattern)) onHit(index, bytes, first);
    }
  }
}

function matches(bytes: Uint8Array, first: number, pattern: Uint8Array): boolean {
  for (let at = 0; at < pattern.length; at++) if (bytes[first + at] !== pattern[at]) return false;
  return true;
}
