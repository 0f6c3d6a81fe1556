/** `npm run check`: types, format, lint, house rules. Runs all and exits with the code of the first that failed. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tool = (path: string): string => join(root, 'node_modules', path);

const steps: readonly (readonly [title: string, script: string, args: readonly string[]])[] = [
  ['types', tool('typescript/bin/tsc'), ['-p', '.']],
  ['format and lint', tool('@biomejs/biome/bin/biome'), ['check', '.']],
  ['house rules', tool('vitest/vitest.mjs'), ['run', 'test/tidy.test.ts', 'test/docs.test.ts']],
];

const codes = steps.map(([title, script, args]) => {
  process.stderr.write(`\n== ${title} ==\n`);
  return spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' }).status ?? 1;
});
process.exitCode = codes.find((code) => code !== 0) ?? 0;
