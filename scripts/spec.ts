/**
 * `npm run spec -- [--traces N] [--seed S] [--only TEXT] [--models-only] [--workers W] [--json]`: random runs of the Quint
 * models of agreement (`spec/`), which must keep every invariant and reach every witness, and of planted mistakes in them,
 * which must break one; then models and code are compared both ways: runs of the models on the real step function, and
 * what simulated validators and real processes wrote to their logs in the models.
 *
 * N is the number of runs of all models together; much less than the default may miss what is rarely reached. `--only`
 * takes the explorations whose titles contain TEXT, and compares nothing. Exit code 0 when all is as it must be, 1 otherwise, 2 for wrong
 * arguments. Progress goes to standard error, the report to standard output.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wholeNumber } from '../cli/definition.ts';
import { mutants } from '../test/spec/model-mutants.ts';
import { modelChecks } from '../test/spec/models.ts';
import { interruptedExitCode, interruption } from '../testnet/interruption.ts';
import { followLifeline } from '../testnet/lifeline.ts';
import { describeReport, makeReport, type Plan } from '../test/spec/report.ts';
import { buildEnclave } from './build-enclave.ts';
import { commandLine } from './command-line.ts';

interface Options {
  readonly traces: number;
  readonly seed: number;
  readonly only: string;
  readonly modelsOnly?: true;
  readonly workers: number;
  readonly json: boolean;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COMPARISONS = ['test/spec/model-to-code.test.ts', 'test/spec/code-to-model.test.ts', 'test/e2e/model.test.ts'];

/** Compares models and code both ways; what is compared goes to standard error. Ends with this process. */
const compare = async (): Promise<boolean> => {
  await buildEnclave();
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--no-file-parallelism', ...COMPARISONS], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  const end = (): void => void child.kill('SIGTERM');
  process.once('exit', end);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  process.off('exit', end);
  return code === 0;
};

const main = async (): Promise<void> => {
  const command = commandLine('spec', 'random runs of the models of agreement, and of mistakes in them')
    .option('--traces <n>', 'runs of the models together', wholeNumber(1, 100_000_000), 5_000)
    .option('--seed <n>', 'first seed', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--only <text>', 'explorations whose name holds this', '')
    .option('--models-only', 'do not compare the models with the code')
    .option('--workers <n>', 'processes at once', wholeNumber(1, 256), availableParallelism())
    .option('--json', 'print one JSON object', false)
    .parse();
  const { traces, seed, only, modelsOnly, workers, json } = command.opts<Options>();
  const plan: Plan = {
    traces,
    seed,
    workers,
    models: modelChecks.filter(({ title }) => title.includes(only)),
    mutants: mutants.filter(({ name }) => name.includes(only)),
    progress: (line: string): void => void process.stderr.write(`${line}\n`),
  };
  if (plan.models.length + plan.mutants.length === 0) command.error(`--only "${only}" names no exploration`);
  followLifeline();
  const signal = interruption();
  signal.addEventListener('abort', () => process.exit(interruptedExitCode(signal)));
  const explored = await makeReport(plan);
  const conforms = only === '' && modelsOnly !== true ? await compare() : undefined;
  const report = { ...explored, conforms, passed: explored.passed && conforms !== false };
  const compared = conforms === undefined ? 'not compared' : conforms ? 'agree both ways' : 'DIFFER';
  const text = `${describeReport(explored)}\nmodels and code: ${compared}`;
  process.stdout.write(`${json ? JSON.stringify(report) : text}\n`);
  process.exitCode = report.passed ? 0 : 1;
};

await main();
