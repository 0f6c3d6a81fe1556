/** Each planted mistake must be found: a simulator that finds nothing proves nothing (consensus design §5.5). */
import { describe, expect, it } from 'vitest';
import { mutants } from './mutants.ts';
import { simulate } from './simulate.ts';

const firstFound = (
  validators: number,
  seeds: number,
  variation: Parameters<typeof simulate>[2],
): number | undefined => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    if (simulate(seed, validators, variation).violation !== undefined) return seed;
  }
  return undefined;
};

describe('planted mistakes are found', () => {
  it.each(mutants)('$name', { timeout: 120_000 }, ({ validators, seeds, variation }) => {
    expect(firstFound(validators, seeds, variation)).toBeDefined();
  });
});
