/**
 * `npm test`: builds, checks types, format and lint, then runs every test layer: unit tests in parallel, exploration and
 * simulation, fuzzing, and the tests over real processes one file at a time. `npm test -- FILTER` runs the matching files
 * only. Every layer runs, whatever failed before it; at the end stand the failures again, and the last line counts what ran.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildEnclave } from './build-enclave.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tool = (name: string): string => join(root, 'node_modules', name);
const filters = process.argv.slice(2);

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line for each failure: file, test, and what it said. */
  readonly failures: readonly string[];
}

/** Those fields of vitest's report that are read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

const failuresIn = ({ testResults }: Report): string[] =>
  testResults.flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    const line = (what: string, said = ''): string => `${relative(root, name)}: ${what}: ${said.split('\n')[0]}`;
    if (failed.length === 0 && status === 'failed') return [line('did not load', message)];
    return failed.map(({ fullName, failureMessages }) => line(fullName, failureMessages?.[0]));
  });

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
    const counted = JSON.parse(readFileSync(report, 'utf8')) as Report;
    return {
      passed: counted.numPassedTests,
      failed: passed ? counted.numFailedTests : Math.max(1, counted.numFailedTests),
      skipped: counted.numPendingTests + counted.numTodoTests,
      failures: failuresIn(counted),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: [`${title}: ended without a report`] };
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
const failures: string[] = [];
if (!run('types', tool('typescript/bin/tsc'), ['-p', '.'])) failures.push('types: see above');
if (!run('format and lint', tool('@biomejs/biome/bin/biome'), ['check', '.']))
  failures.push('format and lint: see above');
const reports = mkdtempSync(join(tmpdir(), 'cloister-tests-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const [title, args] of layers) {
    const counts = runTests(title, args, reports);
    totals.passed += counts.passed;
    totals.failed += counts.failed;
    totals.skipped += counts.skipped;
    failures.push(...counts.failures);
  }
} finally {
  rmSync(reports, { recursive: true, force: true });
}
if (failures.length > 0) process.stdout.write(`\nfailed:\n${failures.map((line) => `  ${line}\n`).join('')}`);
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = failures.length > 0 || totals.failed > 0 || totals.passed === 0 ? 1 : 0;
