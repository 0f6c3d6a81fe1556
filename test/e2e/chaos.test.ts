/** Every kind of fault once over real processes, under load; `npm run chaos` goes on for longer. */
import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { faults } from '../chaos/faults.ts';

const SEED = Number(process.env['CLOISTER_TEST_SEED'] ?? Date.now() % 1_000_000);

it('a network goes on after every kind of fault, and loses nothing', { timeout: 300_000 }, async () => {
  process.stderr.write(`chaos: seed ${SEED} (repeat with CLOISTER_TEST_SEED=${SEED})\n`);
  const report = await runChaos({ validators: 4, rounds: faults.length, seed: SEED });
  for (const { fault, recoveredMs } of report.rounds)
    process.stderr.write(`chaos: ${fault}: on after ${recoveredMs} ms\n`);
  expect(report.violations).toEqual([]);
  expect(report.rounds).toHaveLength(faults.length);
  expect(report.calls).toBeGreaterThan(0);
});
