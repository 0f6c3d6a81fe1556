/**
 * `npm run spec -- [--traces N] [--seed S] [--json]`: random runs of the Quint models of agreement (`spec/`), which must
 * keep every invariant and reach every witness, and of planted mistakes in them, which must break one.
 *
 * N is the number of runs of the smallest model; the slower ones get a part of it, and much less than the default may miss
 * what is rarely reached. Exit code 0 when all is as it must be, 1 otherwise, 2 for wrong arguments. Progress goes to
 * standard error.
 */
import { parseArgs } from 'node:util';
import { mutants } from '../test/spec/model-mutants.ts';
import { modelChecks } from '../test/spec/models.ts';
import { describeReport, makeReport } from '../test/spec/report.ts';

const { values } = parseArgs({
  options: {
    traces: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const traces = Number(values.traces);
const seed = Number(values.seed);
if (Number.isSafeInteger(traces) && traces > 0 && Number.isSafeInteger(seed) && seed >= 0) {
  const progress = (title: string): void => void process.stderr.write(`${title} ...\n`);
  const report = await makeReport({ traces, seed, models: modelChecks, mutants, progress });
  process.stdout.write(`${values.json ? JSON.stringify(report) : describeReport(report)}\n`);
  process.exitCode = report.passed ? 0 : 1;
} else {
  process.stderr.write('usage: npm run spec -- [--traces N] [--seed S] [--json]\n');
  process.exitCode = 2;
}
