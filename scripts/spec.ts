/**
 * `npm run spec -- [--traces N] [--seed S] [--only TEXT] [--workers W] [--json]`: random runs of the Quint models of
 * agreement (`spec/`), which must keep every invariant and reach every witness, and of planted mistakes in them, which
 * must break one.
 *
 * N is the number of runs of all models together; much less than the default may miss what is rarely reached. `--only`
 * takes the explorations whose titles contain TEXT. Exit code 0 when all is as it must be, 1 otherwise, 2 for wrong
 * arguments. Progress goes to standard error, the report to standard output.
 */
import { availableParallelism } from 'node:os';
import { wholeNumber } from '../cli/definition.ts';
import { mutants } from '../test/spec/model-mutants.ts';
import { modelChecks } from '../test/spec/models.ts';
import { interruptedExitCode, interruption } from '../testnet/interruption.ts';
import { followLifeline } from '../testnet/lifeline.ts';
import { describeReport, makeReport, type Plan } from '../test/spec/report.ts';
import { commandLine } from './command-line.ts';

interface Options {
  readonly traces: number;
  readonly seed: number;
  readonly only: string;
  readonly workers: number;
  readonly json: boolean;
}

const main = async (): Promise<void> => {
  const command = commandLine('spec', 'random runs of the models of agreement, and of mistakes in them')
    .option('--traces <n>', 'runs of the models together', wholeNumber(1, 100_000_000), 5_000)
    .option('--seed <n>', 'first seed', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .option('--only <text>', 'explorations whose name holds this', '')
    .option('--workers <n>', 'processes at once', wholeNumber(1, 256), availableParallelism())
    .option('--json', 'print one JSON object', false)
    .parse();
  const { traces, seed, only, workers, json } = command.opts<Options>();
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
  const report = await makeReport(plan);
  process.stdout.write(`${json ? JSON.stringify(report) : describeReport(report)}\n`);
  process.exitCode = report.passed ? 0 : 1;
};

await main();
