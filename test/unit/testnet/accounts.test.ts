/** Developer accounts of local networks. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDeveloperAccounts, readAccounts, writeAccounts } from '../../../testnet/accounts.ts';
import { scratchDirectory } from '../../support/scratch.ts';

describe('developer accounts', () => {
  it('are kept with a plain warning, readable by their owner alone', async () => {
    await using scratch = await scratchDirectory();
    const path = join(scratch.path, 'accounts.json');
    const accounts = createDeveloperAccounts();
    await writeAccounts(path, accounts);
    const read = await readAccounts(path);
    expect(read.map(({ name, publicKey }) => ({ name, publicKey }))).toEqual(
      accounts.map(({ name, publicKey }) => ({ name, publicKey })),
    );
    expect(await readFile(path, 'utf8')).toContain('TESTING ONLY');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('a damaged file is named without quoting its content', async () => {
    await using scratch = await scratchDirectory();
    const path = join(scratch.path, 'accounts.json');
    await writeFile(path, '{"accounts":[{"name":"dev-1","seed":"5ec4e7');
    const failure = await readAccounts(path).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'TESTNET_FILE_MALFORMED' });
    expect(`${(failure as Error).stack} ${String((failure as Error).cause)}`).not.toContain('5ec4e7');
  });
});
