/** The unit tests of agreement as a hunt for a planted mistake: vitest over the product with one edit. */
import { join } from 'node:path';
import { startVitest } from 'vitest/node';
import { ROOT } from '../support/source-tree.ts';
import type { Hunt } from './layers.ts';
import { type Mutant, planted } from './mutant.ts';

/** Runs the unit tests with a mistake in the product; counts those that fail. */
export const huntByUnitTests = async (mutant: Mutant): Promise<Hunt> => {
  const target = join(ROOT, mutant.file);
  const plant = {
    name: 'plant',
    enforce: 'pre' as const,
    transform: (code: string, id: string) => (id === target ? planted(mutant, code) : undefined),
  };
  // What vitest keeps of earlier runs knows nothing of the mistake, and must not learn it.
  const options = { root: ROOT, watch: false, reporters: [{}], maxWorkers: 1, fsModuleCache: false };
  const vitest = await startVitest('test', ['test/unit/consensus'], options, { plugins: [plant] });
  const tests = vitest.state.getTestModules().flatMap((module) => [...module.children.allTests('failed')]);
  const broken = vitest.state.getTestModules().filter((module) => module.errors().length > 0);
  await vitest.close();
  process.exitCode = 0;
  const failed = tests.length + broken.length;
  const what = tests[0]?.fullName ?? broken[0]?.moduleId ?? '';
  return { layer: 'unit', found: failed > 0, after: failed, what };
};
