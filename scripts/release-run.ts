/**
 * `npm run release-run -- [--only TEXT] [--list]`: everything that takes too long for every change, one after the other:
 * millions of seeds, deep exploration, many runs of the models, all faults over real processes. Hours on two cores. Each
 * step says by itself how to repeat what it found.
 *
 * Exit code 0 when every step passed, 1 otherwise, 2 for wrong options.
 */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from './command-line.ts';

const scripts = dirname(fileURLToPath(import.meta.url));
const workers = ['--workers', String(availableParallelism())];

const steps: readonly (readonly [title: string, script: string, ...args: string[]])[] = [
  ['tests', 'test'],
  ['every history, deep', 'explore', '--deep'],
  ['5 million seeds of the core', 'simulate', '--core', '--seeds', '5000000', ...workers],
  ['200,000 seeds of whole nodes', 'simulate', '--seeds', '200000', ...workers],
  ['20,000 seeds of seven whole nodes', 'simulate', '--validators', '7', '--seeds', '20000', ...workers],
  ['1 million twins scenarios', 'twins', '--count', '1000000'],
  ['50,000 runs of the models', 'spec', '--traces', '50000'],
  ['planted mistakes', 'mutants'],
  ['faults of four validators', 'chaos', '--minutes', '30'],
  ['faults of seven validators', 'chaos', '--validators', '7', '--minutes', '30'],
  ['100,000 blocks behind', 'chaos', '--behind', '100000'],
  ['speed and memory', 'bench'],
];

const command = commandLine('release-run', 'what takes too long for every change; hours')
  .option('--only <text>', 'steps whose title holds this', '')
  .option('--list', 'print the steps and run nothing')
  .parse();
const { only, list } = command.opts<{ readonly only: string; readonly list?: true }>();
const chosen = steps.filter(([title]) => title.includes(only));
if (chosen.length === 0) command.error(`--only '${only}' names no step`);
const results = chosen.map(([title, script, ...args]) => {
  if (list === true) return `${title}: scripts/${script}.ts ${args.join(' ')}`;
  process.stderr.write(`\n== ${title} ==\n`);
  const startedAt = performance.now();
  const { status } = spawnSync(process.execPath, [join(scripts, `${script}.ts`), ...args], { stdio: 'inherit' });
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  if (status !== 0) process.exitCode = 1;
  return `${status === 0 ? 'passed' : 'FAILED'}  ${title}, ${minutes} min`;
});
process.stdout.write(`\n${results.join('\n')}\n`);
