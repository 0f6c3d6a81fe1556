/**
 * Seeded simulation of the real core (consensus design §5.4 C): no fork, no stall, no double sign, nothing sent before
 * it was durable. A failing seed prints the command that repeats it. CLOISTER_SIM_SEEDS sets another number of seeds.
 */
import { describe, expect, it } from 'vitest';
import type { Scenario } from './scenario.ts';
import { LIES } from './scenario.ts';
import { replayCommand, simulate } from './simulate.ts';

const SEEDS = Number(process.env['CLOISTER_SIM_SEEDS'] ?? 2_000);
const FIRST_SEED = 1;

const failuresOf = (validators: number, first: number, count: number): string[] => {
  const failures: string[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    const { violation } = simulate(seed, validators);
    if (violation !== undefined) failures.push(`${violation}\n  repeat: ${replayCommand(seed, validators)}`);
  }
  return failures;
};

describe('seeded simulation', () => {
  it(`${SEEDS} seeds of 4 validators`, { timeout: 600_000 }, () => {
    expect(failuresOf(4, FIRST_SEED, SEEDS)).toEqual([]);
  });

  it.each([5, 6, 7])('300 seeds of %d validators', { timeout: 300_000 }, (validators) => {
    expect(failuresOf(validators, FIRST_SEED, 300)).toEqual([]);
  });

  it('40 seeds of 16 validators', { timeout: 300_000 }, () => {
    expect(failuresOf(16, FIRST_SEED, 40)).toEqual([]);
  });

  it('a network slower than the base timeout still comes to finality: the timer grows until it does', () => {
    const slow = (drawn: Scenario): Scenario => ({ ...drawn, maxDelayMs: 800, maxDelayBeforeGstMs: 800 });
    const failures: string[] = [];
    for (let seed = 1; seed <= 150; seed += 1) {
      const { violation } = simulate(seed, 4, { scenario: slow });
      if (violation !== undefined) failures.push(`seed ${seed}: ${violation}`);
    }
    expect(failures).toEqual([]);
  });

  it('evidence never accuses an honest validator, even when liars are too many for agreement', () => {
    const tooMany = (drawn: Scenario): Scenario => ({
      ...drawn,
      liars: new Map([
        [0, 'equivocate'],
        [2, 'equivocate'],
      ]),
    });
    let forked = 0;
    for (let seed = 1; seed <= 150; seed += 1) {
      // Whoever sees a fork first may not have heard both votes yet: the world goes on until they have met.
      const { violation, forks, accused } = simulate(seed, 4, { scenario: tooMany, toleratesForks: true });
      expect(violation ?? '').not.toContain('P13');
      expect(violation ?? '').not.toContain('P6');
      if (forks.length > 0) expect(accused, `seed ${seed}: ${forks[0]}`).toBeGreaterThan(0);
      if (forks.some((fork) => /^P[123]:/.test(fork))) forked += 1;
    }
    expect(forked).toBeGreaterThan(0);
  });

  it('repeats a seed exactly', () => {
    expect(simulate(77, 4)).toEqual(simulate(77, 4));
  });

  it('recovers soon after synchrony returns: p99 within 6 base timeouts', () => {
    const recoveries = Array.from({ length: 300 }, (_, i) => simulate(5_000 + i, 4).recoveryMs).sort((a, b) => a - b);
    expect(recoveries[Math.floor(recoveries.length * 0.99)]).toBeLessThan(6 * 300);
  });
});

describe('systematic faults', () => {
  it('every liar at every position, every partition, every crash', { timeout: 300_000 }, () => {
    const failures: string[] = [];
    for (const lie of LIES) {
      for (let position = 0; position < 4; position += 1) {
        for (let side = 0; side < 8; side += 1) {
          for (let victim = 0; victim <= 4; victim += 1) {
            const scenario = (drawn: Scenario): Scenario => ({
              ...drawn,
              liars: new Map([[position, lie]]),
              gstMs: 700,
              dropBeforeGst: 0,
              maxDelayBeforeGstMs: 30,
              partitions: [{ fromMs: 100, toMs: 600, side }],
              crashes: [{ atMs: 200, backAtMs: 400, victims: victim === 4 ? [0, 1, 2, 3] : [victim] }],
            });
            const { violation } = simulate(position * 40 + side * 5 + victim, 4, { scenario });
            if (violation !== undefined)
              failures.push(`${lie} at ${position}, partition ${side}, crash ${victim}: ${violation}`);
          }
        }
      }
    }
    expect(failures).toEqual([]);
  });
});
