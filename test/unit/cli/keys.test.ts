/** Encrypted keystores by command. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../support/command-line.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const PASSPHRASE = 'correct horse battery staple';

describe('cloister keys', () => {
  it('creates an encrypted keystore, lists and shows it, and never overwrites it', async () => {
    await using scratch = await scratchDirectory();
    const env = { CLOISTER_PASSPHRASE: PASSPHRASE };
    const created = await runCommand(['keys', 'create', 'alice', '--keys', scratch.path, '--json'], { env });
    expect(created.code).toBe(0);
    const { publicKey, path } = JSON.parse(created.stdout) as { readonly publicKey: string; readonly path: string };
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await runCommand(['keys', 'list', '--keys', scratch.path, '--json'])).stdout)).toEqual({
      accounts: [{ name: 'alice', publicKey, path }],
    });
    const shown = await runCommand(['keys', 'show', path, '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ publicKey });
    const before = await readFile(path, 'utf8');
    const again = await runCommand(['keys', 'create', 'alice', '--keys', scratch.path], { env });
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('USAGE_FILE_EXISTS');
    expect(await readFile(path, 'utf8')).toBe(before);
    const all = JSON.stringify([created, shown, again, before]);
    expect(all).not.toContain(PASSPHRASE);
  });

  it('makes no keystore under an empty passphrase', async () => {
    await using scratch = await scratchDirectory();
    const empty = join(scratch.path, 'empty.txt');
    await writeFile(empty, '\n');
    const create = ['keys', 'create', 'carol', '--keys', join(scratch.path, 'keys')];
    for (const refused of [
      await runCommand(create, { env: { CLOISTER_PASSPHRASE: '' } }),
      await runCommand([...create, '--passphrase-file', empty]),
    ]) {
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('USAGE_PASSPHRASE_EMPTY');
    }
    expect(await readdir(scratch.path)).toEqual(['empty.txt']);
  });

  it('asks for no passphrase where there is no terminal, and names a file that is no keystore', async () => {
    await using scratch = await scratchDirectory();
    const refused = await runCommand(['keys', 'create', 'bob', '--keys', scratch.path]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('USAGE_NO_PASSPHRASE');
    const path = join(scratch.path, 'broken.json');
    await writeFile(path, '{"publicKey": 5}');
    const broken = await runCommand(['keys', 'show', path]);
    expect(broken.code).toBe(3);
    expect(broken.stderr).toContain('KEYSTORE_MALFORMED');
  });
});
