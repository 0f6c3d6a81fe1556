/** `npm run sim` with arguments that nothing can be run with, and the report that other programs read. */
import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/source-tree.ts';

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const sim = (...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['scripts/run.mjs', 'scripts/simulate.ts', ...args],
      { cwd: ROOT },
      (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });

describe('npm run sim', () => {
  it.each([
    [['--validators', '3'], 'a whole number from 4 to 100'],
    [['--seeds', 'many'], 'a whole number from 1 to 2147483648'],
    [['--workers', ''], 'a whole number from 1 to 256'],
    [['--fast'], "unknown option '--fast'"],
    [['7'], 'too many arguments'],
    [['--core', '--seeds', '2', '--without', 'crash.77'], "none of these seeds has a fault 'crash.77'"],
  ])('refuses %j and says why', async (args, why) => {
    const { code, stdout, stderr } = await sim(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(why);
    expect(stderr).toContain('Usage: npm run sim');
  });

  it('divides seeds among workers without changing what comes of them', async () => {
    const range = ['--core', '--validators', '5', '--from', '9', '--seeds', '3', '--json'];
    const [alone, shared] = await Promise.all([sim(...range), sim(...range, '--workers', '4')]);
    const [one, four] = [alone, shared].map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>);
    for (const field of ['validators', 'from', 'run', 'trace', 'exercised', 'failures'])
      expect([field, four?.[field]]).toEqual([field, one?.[field]]);
    expect(one).toMatchObject({ simulated: 'core', validators: 5, from: 9, run: 3, failures: [] });
  });
});
