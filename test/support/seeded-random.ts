/** A small seeded generator (mulberry32) for property tests: same seed, same run. */

/** Seeded numbers for tests; never for secrets. */
export interface SeededRandom {
  /** An integer from 0 to `bound` − 1. */
  integer(bound: number): number;
}

/** Makes the generator of a seed. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  return {
    integer: (bound) => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
    },
  };
}
