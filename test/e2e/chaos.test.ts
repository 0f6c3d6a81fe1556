/**
 * Every kind of fault once over real processes, under load, each validator in a network namespace of its own where the
 * machine allows; `npm run chaos` goes on for longer.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { measureCatchUp } from '../chaos/catch-up.ts';
import type { ChaosReport } from '../chaos/chaos.ts';

const SEED = process.env['CLOISTER_TEST_SEED'] ?? String(Date.now() % 1_000_000);
/** Enough for several answers of a peer. */
const FAR_BEHIND_BLOCKS = 600;
const SCRIPT = fileURLToPath(new URL('../../scripts/chaos.ts', import.meta.url));

it('a network goes on after every kind of fault, and loses nothing', { timeout: 400_000 }, async () => {
  process.stderr.write(`chaos: seed ${SEED} (repeat with CLOISTER_TEST_SEED=${SEED})\n`);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [SCRIPT, '--each', '--seed', SEED, '--json']);
  process.stderr.write(stderr);
  const report = JSON.parse(stdout) as ChaosReport;
  expect(report.violations).toEqual([]);
  expect(report.calls).toBeGreaterThan(0);
});

it('a validator that is far behind catches up under load, and says how far it is', { timeout: 400_000 }, async () => {
  const told: string[] = [];
  const { height, node, enclave } = await measureCatchUp(FAR_BEHIND_BLOCKS, (step) => told.push(step));
  process.stderr.write(`${told.join('\n')}\n`);
  expect(height).toBeGreaterThanOrEqual(FAR_BEHIND_BLOCKS);
  expect(node.cpuMicros).toBeGreaterThan(0);
  expect(enclave.cpuMicros).toBeGreaterThan(0);
});
