/**
 * `npm test`: builds, checks types, format and lint, then runs every test layer: unit tests in parallel, exploration and
 * simulation, fuzzing, and the tests over real processes one file at a time. `npm test -- FILTER` runs the matching files
 * only. Exits with the first failing step; the last line counts what ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEnclave } from './build-enclave.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tool = (name: string): string => join(root, 'node_modules', name);
const filters = process.argv.slice(2);

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const run = (title: string, script: string, args: readonly string[]): boolean => {
  process.stderr.write(`\n== ${title} ==\n`);
  return spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' }).status === 0;
};

/** Runs vitest over some folders and returns what it counted; a run that executed nothing counts as failed. */
const runTests = (title: string, args: readonly string[], reports: string): Counts => {
  const report = join(reports, `${title.replaceAll(' ', '-')}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const passed = run(title, tool('vitest/vitest.mjs'), ['run', ...reporters, ...args]);
  try {
    const counted = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>;
    const failed = counted['numFailedTests'] ?? 0;
    return {
      passed: counted['numPassedTests'] ?? 0,
      failed: passed ? failed : Math.max(1, failed),
      skipped: (counted['numPendingTests'] ?? 0) + (counted['numTodoTests'] ?? 0),
    };
  } catch {
    return { passed: 0, failed: passed ? 0 : 1, skipped: 0 };
  }
};

const layers: readonly (readonly [title: string, args: readonly string[]])[] =
  filters.length > 0
    ? [['tests', filters]]
    : [
        ['unit tests', ['test/unit', 'test/tidy.test.ts', 'test/docs.test.ts']],
        ['exploration and simulation', ['test/explore', 'test/sim', 'test/spec', 'test/mutants', 'test/figures']],
        ['fuzzing', ['test/fuzz']],
        ['tests over real processes', ['test/e2e', '--no-file-parallelism']],
      ];

await buildEnclave();
let failed = !run('types', tool('typescript/bin/tsc'), ['-p', '.']);
failed = !run('format and lint', tool('@biomejs/biome/bin/biome'), ['check', '.']) || failed;
const reports = mkdtempSync(join(tmpdir(), 'cloister-tests-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const [title, args] of layers) {
    const counts = runTests(title, args, reports);
    totals.passed += counts.passed;
    totals.failed += counts.failed;
    totals.skipped += counts.skipped;
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}
failed ||= totals.failed > 0 || totals.passed === 0;
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = failed ? 1 : 0;
