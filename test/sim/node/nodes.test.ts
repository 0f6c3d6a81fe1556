/**
 * Seeded simulation of whole nodes: production's from `startNode` on, over a simulated clock, network, disk and enclave
 * process. It runs in processes of its own, where the edges of a node are replaced. CLOISTER_SIM_NODE_SEEDS sets another
 * number of seeds; `npm run sim` runs any others.
 */
import { describe, expect, it } from 'vitest';
import { runSeeds } from '../run-seeds.ts';

const SEEDS = Number(process.env['CLOISTER_SIM_NODE_SEEDS'] ?? 5_000);
const HALF = Math.ceil(SEEDS / 2);

/** What every run must have used. */
const USED = ['crash', 'crash between effects', 'blackout', 'full disk', 'torn write', 'lost writes', 'lost batches'];

describe('whole nodes', () => {
  it(`${SEEDS} seeds of 4 validators`, { timeout: 3_600_000 }, async () => {
    const runs = await Promise.all([
      runSeeds({ validators: 4, from: 1, seeds: HALF }),
      runSeeds({ validators: 4, from: 1 + HALF, seeds: SEEDS - HALF }),
    ]);
    for (const { failures, recoveryMs, exercised } of runs) {
      expect(failures).toEqual([]);
      expect(recoveryMs.p99).toBeLessThanOrEqual(recoveryMs.bound);
      expect(USED.filter((fault) => exercised[`fault: ${fault}`] === undefined)).toEqual([]);
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
