/** `npm test`: types first, then every test layer. Exits with the first failing step's code. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tool = (name: string): string => join(root, 'node_modules', name);

const steps: readonly (readonly [title: string, script: string, args: readonly string[]])[] = [
  ['types', tool('typescript/bin/tsc'), ['-p', '.']],
  ['tests', tool('vitest/vitest.mjs'), ['run', ...process.argv.slice(2)]],
];

for (const [title, script, args] of steps) {
  process.stderr.write(`\n== ${title} ==\n`);
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
