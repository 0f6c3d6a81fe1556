/**
 * `npm run explore -- [--deep] [--cases] [--json]`: every history of a few views under the rules of agreement, all leaders
 * Byzantine; every loss of all power in one view; planted changes of the rules, which must be found.
 *
 * Exit code 0 when all is as it must be, 1 otherwise. `--deep` goes to five and six views and takes minutes; `--cases`
 * shows what was found for each planted change.
 */
import { parseArgs } from 'node:util';
import { describeReport, makeReport } from '../test/explore/report.ts';

const { values } = parseArgs({
  options: {
    deep: { type: 'boolean', default: false },
    cases: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const report = makeReport(values.deep);
const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value);
process.stdout.write(values.json ? `${JSON.stringify(report, plain)}\n` : `${describeReport(report, values.cases)}\n`);
process.exitCode = report.passed ? 0 : 1;
