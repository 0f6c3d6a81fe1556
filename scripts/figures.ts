/**
 * `npm run figures -- [--json] [--write]`: measures agreement in the simulator: delays, traffic, CPU, a crashed leader, an
 * idle network, healing. `--write` renews docs/figures.md and its plots. Takes a minute or two.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measure } from '../test/figures/measure.ts';
import { pagesOf } from '../test/figures/page.ts';
import { ROOT } from '../test/support/source-tree.ts';
import { commandLine } from './command-line.ts';

const { write, json } = commandLine('figures', 'agreement in figures, measured in the simulator')
  .option('--write', 'renew docs/figures.md and its plots', false)
  .option('--json', 'print one JSON object', false)
  .parse()
  .opts<{ readonly write: boolean; readonly json: boolean }>();
const figures = measure((step) => process.stderr.write(`figures: ${step}\n`));
const pages = pagesOf(figures);
if (write) for (const [path, text] of pages) writeFileSync(join(ROOT, path), text);
const plain = (_key: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value);
process.stdout.write(json ? `${JSON.stringify(figures, plain)}\n` : `${pages.get('docs/figures.md')}\n`);
