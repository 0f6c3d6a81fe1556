/**
 * `npm run mutants -- [--only NAME] [--json] [--write]`: plants known mistakes in agreement, one at a time, and lets every
 * layer of tests hunt for them. `--write` renews docs/mutants.md.
 *
 * Exit code 0 when each was found by every layer that must find it, 1 otherwise. Takes minutes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { mutants } from '../test/mutants/list.ts';
import { missedBy, type MutantReport, PAGE, pageOf, reportOf, tableOf } from '../test/mutants/report.ts';
import { ROOT } from '../test/support/source-tree.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const reports: MutantReport[] = [];
for (const mutant of mutants) {
  if (values.only !== undefined && mutant.name !== values.only) continue;
  process.stderr.write(`mutants: ${mutant.name}\n`);
  reports.push(await reportOf(mutant));
}
const missed = reports.flatMap((report) => missedBy(report).map((layer) => `${report.name}: not found by ${layer}`));
if (values.write && values.only === undefined) writeFileSync(join(ROOT, PAGE), pageOf(reports));
process.stdout.write(values.json ? `${JSON.stringify({ reports, missed })}\n` : `${tableOf(reports)}\n`);
for (const line of missed) process.stderr.write(`${line}\n`);
process.exitCode = missed.length === 0 && reports.length > 0 ? 0 : 1;
