/**
 * `npm run explore -- [--deep] [--cases] [--json]`: every history of a few views under the rules of agreement, all leaders
 * Byzantine; every loss of all power in one view; planted changes of the rules, which must be found.
 *
 * Exit code 0 when all is as it must be, 1 otherwise. `--deep` goes to five and six views and takes minutes; `--cases`
 * shows what was found for each planted change.
 */
import { describeReport, makeReport } from '../test/explore/report.ts';
import { commandLine } from './command-line.ts';

const { deep, cases, json } = commandLine('explore', 'every history of a few views under the rules of agreement')
  .option('--deep', 'five and six views; takes minutes', false)
  .option('--cases', 'show what was found for each planted change', false)
  .option('--json', 'print one JSON object', false)
  .parse()
  .opts<{ readonly deep: boolean; readonly cases: boolean; readonly json: boolean }>();
const report = makeReport(deep);
const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
process.stdout.write(json ? `${JSON.stringify(report, plain)}\n` : `${describeReport(report, cases)}\n`);
process.exitCode = report.passed ? 0 : 1;
