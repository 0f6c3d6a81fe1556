/**
 * Seeded simulation of whole nodes: production's from `startNode` on, over a simulated clock, network, disk and enclave
 * process. It runs in processes of its own, where the edges of a node are replaced. CLOISTER_SIM_NODE_SEEDS sets another
 * number of seeds; `npm run sim` runs any others.
 */
import { describe, expect, it } from 'vitest';
import { runSeeds } from '../run-seeds.ts';
import { LIES } from '../scenario.ts';

const SEEDS = Number(process.env['CLOISTER_SIM_NODE_SEEDS'] ?? 5_000);
const HALF = Math.ceil(SEEDS / 2);

/** Faults that every run must have used, besides the liars. */
const FAULTS = [
  'crash',
  'crash between effects',
  'blackout',
  'full disk',
  'torn write',
  'lost writes',
  'lost batches',
  'partition',
  'loss',
  'slow links',
  'slow machine',
  'clock skew',
  'join',
  'leave',
  'eviction',
  'setParameters',
];
const RULES = Array.from({ length: 14 }, (_, rule) => `R${rule + 1} `);
const EVIDENCE = ['E1', 'E3', 'E4', 'E5'].map((rule) => `evidence ${rule}`);
const USED = [
  ...[...FAULTS, ...LIES.map((lie) => `liar ${lie}`)].map((fault) => `fault: ${fault}`),
  ...RULES,
  ...EVIDENCE,
  'idle stretch',
];

describe('whole nodes', () => {
  it(`${SEEDS} seeds of 4 validators`, { timeout: 3_600_000 }, async () => {
    const runs = await Promise.all([
      runSeeds({ validators: 4, from: 1, seeds: HALF }),
      runSeeds({ validators: 4, from: 1 + HALF, seeds: SEEDS - HALF }),
    ]);
    for (const { failures, recoveryMs, exercised } of runs) {
      expect(failures).toEqual([]);
      expect(recoveryMs.p99).toBeLessThanOrEqual(recoveryMs.bound);
      const names = Object.keys(exercised);
      expect(USED.filter((start) => !names.some((name) => name.startsWith(start)))).toEqual([]);
    }
  });

  it('20 seeds of 7 validators', { timeout: 600_000 }, async () => {
    expect((await runSeeds({ validators: 7, from: 1, seeds: 20 })).failures).toEqual([]);
  });

  it('repeat a seed exactly', { timeout: 300_000 }, async () => {
    const range = { validators: 4, from: 77, seeds: 4 };
    const [first, second] = [await runSeeds(range), await runSeeds(range)];
    expect(first.trace).toBe(second.trace);
    expect(first.trace).not.toBe((await runSeeds({ ...range, from: 78 })).trace);
  });
});
