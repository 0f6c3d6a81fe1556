/**
 * Seeded simulation of the real core (consensus design §5.4 C): no fork, no stall, no double sign, nothing sent before
 * it was durable. A failing seed prints the command that repeats it. CLOISTER_SIM_SEEDS sets another number of seeds; `npm run
 * sim -- --core` runs any others.
 */
import { describe, expect, it } from 'vitest';
import type { Scenario } from './scenario.ts';
import { LIES, scenarioOf } from './scenario.ts';
import { faultsOf, minimise, withoutFaults } from './faults.ts';
import { coreSimulation, replayCommand, simulate } from './simulate.ts';
import { runSeeds } from './run-seeds.ts';
import { sweep } from './sweep.ts';

const SEEDS = Number(process.env['CLOISTER_SIM_SEEDS'] ?? 100_000);
const FIRST_SEED = 1;
/** An observer that learns by proof that its epoch is over while its own view lags far behind. */
const FAILED_ONCE = [50_058];

/** Kinds of faults besides liars. */
const FAULTS = [
  'crash',
  'crash between effects',
  'blackout',
  'lost writes',
  'full disk',
  'partition',
  'loss',
  'duplicates',
  'slow links',
  'slow machine',
  'missing bodies',
  'clock skew',
  'join',
  'leave',
  'eviction',
  'setParameters',
];

const failuresOf = (validators: number, first: number, count: number): string[] => {
  const failures: string[] = [];
  for (let seed = first; seed < first + count; seed += 1) {
    const { violation } = simulate(seed, validators);
    if (violation !== undefined) failures.push(`${violation}\n  repeat: ${replayCommand(seed, validators)}`);
  }
  return failures;
};

describe('seeded simulation', () => {
  it(`${SEEDS} seeds of 4 validators, p99 of recovery within 6 base timeouts`, { timeout: 3_600_000 }, async () => {
    const half = Math.ceil(SEEDS / 2);
    const runs = await Promise.all([
      runSeeds({ core: true, validators: 4, from: FIRST_SEED, seeds: half }),
      runSeeds({ core: true, validators: 4, from: FIRST_SEED + half, seeds: SEEDS - half }),
    ]);
    for (const { failures, recoveryMs } of runs) {
      expect(failures).toEqual([]);
      expect(recoveryMs.p99).toBeLessThanOrEqual(recoveryMs.bound);
    }
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

  it('seeds that failed once', () => {
    expect(FAILED_ONCE.flatMap((seed) => failuresOf(4, seed, 1))).toEqual([]);
  });

  it('repeats a seed exactly, step by step', () => {
    for (const seed of [8, 77, 996]) expect(simulate(seed, 4)).toEqual(simulate(seed, 4));
    expect(simulate(77, 4).trace).not.toBe(simulate(78, 4).trace);
  });

  it('uses every rule and every kind of fault within 300 seeds', async () => {
    const { exercised } = await sweep(coreSimulation, { validators: 4, from: 1, seeds: 300, without: [] });
    const rules = Array.from({ length: 14 }, (_, rule) => `R${rule + 1} `);
    const evidence = ['E1', 'E2', 'E3', 'E4', 'E5'].map((rule) => `evidence ${rule}`);
    const faults = [...LIES.map((lie) => `liar ${lie}`), ...FAULTS].map((fault) => `fault: ${fault}`);
    const names = Object.keys(exercised);
    const unused = [...rules, ...evidence, ...faults].filter((start) => !names.some((name) => name.startsWith(start)));
    expect(unused).toEqual([]);
  });

  it('leaves out of a failing scenario what the failure does not need', async () => {
    const drawn = scenarioOf(1, 4);
    const needed = faultsOf(drawn)[0] ?? '';
    const left = await minimise(drawn, (scenario) => faultsOf(scenario).includes(needed));
    expect(faultsOf(withoutFaults(drawn, left))).toEqual([needed]);
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
              crashes: [
                { atMs: 200, backAtMs: 400, victims: victim === 4 ? [0, 1, 2, 3] : [victim], afterEffects: undefined },
              ],
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
