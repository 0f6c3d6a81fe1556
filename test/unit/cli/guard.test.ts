/** `cloister guard` as it is typed: results, notes, passphrases, exit codes. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../support/command-line.ts';
import { GUARD_PASSPHRASE, GuardHome, HOME_PASSPHRASE } from '../../support/guard-home.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { HISTORY } from '../node/promises.ts';

const env = { CLOISTER_PASSPHRASE: HOME_PASSPHRASE, CLOISTER_GUARD_PASSPHRASE: GUARD_PASSPHRASE };

describe('cloister guard', () => {
  it('exports and imports, and refuses what must not be done twice with exit code 6', async () => {
    await using scratch = await scratchDirectory();
    const source = await GuardHome.found(join(scratch.path, 'source'), HISTORY);
    const out = join(scratch.path, 'a.guard');
    const secrets = await source.secretDigits();

    const exported = await runCommand(['guard', 'export', source.path, '--out', out, '--json'], { env });
    expect(exported.code, exported.stderr).toBe(0);
    const { guard, validatorKey } = JSON.parse(exported.stdout) as Record<string, string>;
    expect(JSON.parse(exported.stdout)).toMatchObject({
      generation: 1,
      validatorKey: await source.validatorKey(),
      out,
      repeated: false,
      promises: [
        { epoch: 1, floorView: 3, votes: 1 },
        { epoch: 2, floorView: 1, votes: 4 },
      ],
    });
    expect(exported.stderr.trimEnd().split('\n')).toHaveLength(4);
    expect((await stat(out)).mode & 0o777).toBe(0o600);

    const again = await runCommand(['guard', 'export', source.path, '--out', out], { env });
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('Completed the export that was begun before.');
    expect(again.stdout).toContain(guard);

    const home = join(scratch.path, 'target');
    const imported = await runCommand(['guard', 'import', out, '--home', home], { env });
    expect(imported.code, imported.stderr).toBe(0);
    expect(imported.stdout).toContain(validatorKey);
    expect(imported.stdout).toContain('Write node.toml');
    const twice = await runCommand(['guard', 'import', out, '--home', home, '--json'], { env });
    expect(twice.code).toBe(6);
    expect(JSON.parse(twice.stdout)).toMatchObject({ error: { code: 'GUARD_CONSUMED', data: { guard } } });

    const all = JSON.stringify([exported, again, imported, twice, await readFile(out, 'utf8')]);
    for (const secret of [...secrets, HOME_PASSPHRASE, GUARD_PASSPHRASE]) expect(all).not.toContain(secret);
  });

  it('names a wrong passphrase, a damaged file, a missing passphrase and a missing option', async () => {
    await using scratch = await scratchDirectory();
    const source = await GuardHome.found(join(scratch.path, 'source'));
    const out = join(scratch.path, 'a.guard');
    const exporting = ['guard', 'export', source.path, '--out', out];
    const nobody = await runCommand(exporting, { env: { CLOISTER_PASSPHRASE: HOME_PASSPHRASE } });
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('USAGE_NO_PASSPHRASE')]);
    expect((await runCommand(exporting.slice(0, 3), { env })).code).toBe(2);
    const secret = join(scratch.path, 'passphrase.txt');
    await writeFile(secret, `${GUARD_PASSPHRASE}\n`);
    const file = ['--passphrase-file', secret];
    expect((await runCommand([...exporting, ...file], { env: { CLOISTER_PASSPHRASE: HOME_PASSPHRASE } })).code).toBe(0);

    const importing = ['guard', 'import', out, '--home', join(scratch.path, 'target')];
    const wrong = await runCommand(importing, { env: { ...env, CLOISTER_GUARD_PASSPHRASE: 'wrong' } });
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringMatching(/^GUARD_LOCKED: /)]);
    await writeFile(out, (await readFile(out, 'utf8')).slice(0, -9));
    const damaged = await runCommand(importing, { env });
    expect([damaged.code, damaged.stderr]).toEqual([7, expect.stringMatching(/^GUARD_DAMAGED: /)]);
    const missing = await runCommand(['guard', 'import', `${out}.none`, '--home', scratch.path], { env });
    expect([missing.code, missing.stderr]).toEqual([3, expect.stringMatching(/^CONFIG_FILE_MISSING: /)]);
  });
});
