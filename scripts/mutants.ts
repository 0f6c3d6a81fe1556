/**
 * `npm run mutants -- [--only NAME] [--json] [--write]`: plants known mistakes in agreement, one at a time, and lets every
 * layer of tests hunt for them. `--write` renews docs/mutants.md.
 *
 * Exit code 0 when each was found by every layer that must find it, 1 otherwise. Takes minutes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mutants } from '../test/mutants/list.ts';
import { missedBy, type MutantReport, PAGE, pageOf, reportOf, tableOf } from '../test/mutants/report.ts';
import { ROOT } from '../test/support/source-tree.ts';
import { commandLine } from './command-line.ts';

const command = commandLine('mutants', 'planted mistakes, and which tests find them')
  .option('--only <name>', 'one of them')
  .option('--write', 'renew the page', false)
  .option('--json', 'print one JSON object', false)
  .parse();
const { only, write, json } = command.opts<{
  readonly only?: string;
  readonly write: boolean;
  readonly json: boolean;
}>();
if (only !== undefined && !mutants.some(({ name }) => name === only))
  command.error(`no planted mistake is named '${only}'`);
const reports: MutantReport[] = [];
for (const mutant of mutants) {
  if (only !== undefined && mutant.name !== only) continue;
  process.stderr.write(`mutants: ${mutant.name}\n`);
  reports.push(await reportOf(mutant));
}
const missed = reports.flatMap((report) => missedBy(report).map((layer) => `${report.name}: not found by ${layer}`));
if (write && only === undefined) writeFileSync(join(ROOT, PAGE), pageOf(reports));
process.stdout.write(json ? `${JSON.stringify({ reports, missed })}\n` : `${tableOf(reports)}\n`);
for (const line of missed) process.stderr.write(`${line}\n`);
process.exitCode = missed.length === 0 && reports.length > 0 ? 0 : 1;
