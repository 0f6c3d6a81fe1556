/**
 * Twins scenarios (consensus design §5.4 D): enumerated without repetition, and a slice of them run. CLOISTER_TWINS sets
 * another length of the slice; `npm run twins` runs any other slice.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/source-tree.ts';
import { mutants } from './mutants.ts';
import { runTwins } from './twins.ts';
import { TwinsScenarios } from './twins-scenarios.ts';

const SLICE = Number(process.env['CLOISTER_TWINS'] ?? 20_000);
const ROUNDS = 4;

/** Runs a slice by the command, in a process of its own: faster than in here, and on another core. */
const runSlice = async (validators: number, from: number, count: number): Promise<unknown> => {
  const numbers = ['--validators', validators, '--from', from, '--count', count].map(String);
  const args = ['scripts/run.mjs', 'scripts/twins.ts', '--json', ...numbers];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT }).catch((error: unknown) => {
    const { stdout: said, stderr } = error as { readonly stdout?: string; readonly stderr?: string };
    return { stdout: said === undefined || said === '' ? JSON.stringify({ stderr }) : said };
  });
  return JSON.parse(stdout) as unknown;
};

describe('scenarios', () => {
  it.each([
    [4, 2],
    [4, 4],
    [5, 3],
    [7, 4],
  ])(
    'of %d validators and %d rounds are as many as there are classes under renaming (Burnside)',
    (validators, rounds) => {
      const { renamings, total } = new TwinsScenarios(validators, rounds);
      const fixed = renamings.map((renaming) => renaming.filter((to, from) => to === from).length);
      const sum = fixed.reduce((known, count) => known + BigInt(count) ** BigInt(rounds), 0n);
      expect(total * BigInt(renamings.length)).toBe(sum);
    },
  );

  it('come each once, none a renaming of another', () => {
    const scenarios = new TwinsScenarios(4, 2);
    const classes = new Set<string>();
    for (let place = 0n; place < scenarios.total; place += 1n) {
      const rounds = scenarios.at(place).map((round) => scenarios.possible.indexOf(round));
      const renamed = scenarios.renamings.map((renaming) => rounds.map((round) => renaming[round]).join());
      classes.add(renamed.sort()[0] ?? '');
    }
    expect(classes.size).toBe(Number(scenarios.total));
  });

  it('repeat exactly', () => {
    const scenarios = new TwinsScenarios(4, ROUNDS);
    expect(runTwins(scenarios, 77)).toEqual(runTwins(scenarios, 77));
  });
});

describe('twins', () => {
  it(`${SLICE} scenarios of 4 validators`, { timeout: 600_000 }, async () => {
    const half = Math.ceil(SLICE / 2);
    const runs = await Promise.all([runSlice(4, 0, half), runSlice(4, half, SLICE - half)]);
    expect(runs).toMatchObject([
      { run: half, failures: [] },
      { run: SLICE - half, failures: [] },
    ]);
  });

  it('500 scenarios of 7 validators', { timeout: 300_000 }, async () => {
    expect(await runSlice(7, 0, 500)).toMatchObject({ run: 500, failures: [] });
  });

  it.each(['finalise although nullified', 'quorum 2f + 1 at n = 6', 'no STATUS repair'])('find: %s', (name) => {
    const mutant = mutants.find((one) => one.name === name);
    const scenarios = new TwinsScenarios(mutant?.validators ?? 0, ROUNDS);
    const { scenario: _unused, ...variation } = mutant?.variation ?? {};
    const places = Array.from({ length: 50 }, (_, place) => place);
    expect(places.some((place) => runTwins(scenarios, place, variation).violation !== undefined)).toBe(true);
  });
});
