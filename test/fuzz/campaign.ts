/**
 * Seeded fuzzing: every case has a seed of its own, so a failure is repeated alone.
 *
 * `CLOISTER_FUZZ_SEED` is the seed of the first case, `CLOISTER_FUZZ_CASES` the number of cases of every campaign. Without
 * them each run of `npm test` tries the same cases; a longer search gives both.
 */
import { type SeededRandom, seededRandom } from '../support/seeded-random.ts';

const FIRST_SEED = Number(process.env['CLOISTER_FUZZ_SEED'] ?? 1);
const CASES = process.env['CLOISTER_FUZZ_CASES'];

/** Tries seeded cases; a failure says how to repeat it, and its cause is what went wrong. */
export const campaign = (cases: number, attempt: (random: SeededRandom) => void): void => {
  const count = CASES === undefined ? cases : Number(CASES);
  for (let number = 0; number < count; number += 1) {
    const seed = FIRST_SEED + number;
    try {
      attempt(seededRandom(seed));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`repeat with CLOISTER_FUZZ_SEED=${seed} CLOISTER_FUZZ_CASES=1: ${why}`, { cause });
    }
  }
};

/** One of some things. */
export const oneOf = <T>(random: SeededRandom, things: readonly T[]): T => {
  const found = things[random.integer(things.length)];
  if (found === undefined) throw new RangeError('nothing to choose from');
  return found;
};

/** The things in a random order. */
export const shuffled = <T>(random: SeededRandom, things: readonly T[]): T[] => {
  const rest = [...things];
  return things.flatMap(() => rest.splice(random.integer(rest.length), 1));
};
