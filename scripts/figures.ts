/**
 * `npm run figures -- [--json] [--write]`: measures agreement in the simulator: delays, traffic, CPU, a crashed leader, an
 * idle network, healing. `--write` renews docs/figures.md and its plots. Takes a minute or two.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from '../test/figures/measure.ts';
import { pagesOf } from '../test/figures/page.ts';
import { ROOT } from '../test/support/source-tree.ts';

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } },
});
const figures = measure((step) => process.stderr.write(`figures: ${step}\n`));
const pages = pagesOf(figures);
if (values.write) for (const [path, text] of pages) writeFileSync(join(ROOT, path), text);
const plain = (_key: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value);
process.stdout.write(values.json ? `${JSON.stringify(figures, plain)}\n` : `${pages.get('docs/figures.md')}\n`);
