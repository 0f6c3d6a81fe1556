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
import { parseArgs } from 'node:util';
import { mutants } from '../test/spec/model-mutants.ts';
import { modelChecks } from '../test/spec/models.ts';
import { describeReport, makeReport, type Plan } from '../test/spec/report.ts';

const USAGE = 'usage: npm run spec -- [--traces N] [--seed S] [--only TEXT] [--workers W] [--json]\n';

const options = {
  traces: { type: 'string', default: '5000' },
  seed: { type: 'string', default: '1' },
  only: { type: 'string', default: '' },
  workers: { type: 'string', default: String(availableParallelism()) },
  json: { type: 'boolean', default: false },
} as const;

/** A whole number of at least `least`; anything else is a wrong argument. */
const wholeNumber = (name: string, text: string, least: number): number => {
  const value = Number(text);
  if (text === '' || !Number.isSafeInteger(value) || value < least)
    throw new RangeError(`--${name} takes a whole number of at least ${least}, not "${text}"`);
  return value;
};

const readPlan = (): { readonly plan: Plan; readonly json: boolean } => {
  const { values } = parseArgs({ options });
  const plan = {
    traces: wholeNumber('traces', values.traces, 1),
    seed: wholeNumber('seed', values.seed, 0),
    workers: wholeNumber('workers', values.workers, 1),
    models: modelChecks.filter(({ title }) => title.includes(values.only)),
    mutants: mutants.filter(({ name }) => name.includes(values.only)),
    progress: (line: string): void => void process.stderr.write(`${line}\n`),
  };
  if (plan.models.length + plan.mutants.length === 0)
    throw new RangeError(`--only "${values.only}" names no exploration`);
  return { plan, json: values.json };
};

const main = async (): Promise<void> => {
  let chosen: ReturnType<typeof readPlan>;
  try {
    chosen = readPlan();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  const report = await makeReport(chosen.plan);
  process.stdout.write(`${chosen.json ? JSON.stringify(report) : describeReport(report)}\n`);
  process.exitCode = report.passed ? 0 : 1;
};

await main();
