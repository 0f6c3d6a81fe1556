/** Accounts and keystores: one seed, one public key, and no way to print the rest. */
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ed25519Verify } from '#primitives';
import { fromHex, toHex, utf8 } from '../../../protocol/hex.ts';
import { Account, createAccount, openKeystore, sealKeystore } from '../../../wallet/index.ts';

const CHEAP = 14;

describe('an account', () => {
  it("is the same for the same seed and signs under the network's rule", () => {
    const seed = new Uint8Array(32).fill(7);
    const account = Account.fromSeed(seed);
    expect(Account.fromSeed(seed).publicKey).toBe(account.publicKey);
    expect(toHex(Account.fromSeed(seed).replyKeyPair.publicKey)).toBe(toHex(account.replyKeyPair.publicKey));
    expect(ed25519Verify(account.sign(utf8('x')), utf8('x'), fromHex(account.publicKey))).toBe(true);
    expect(createAccount().publicKey).not.toBe(createAccount().publicKey);
    expect(() => Account.fromSeed(new Uint8Array(31))).toThrow(RangeError);
  });

  it('shows its public key and nothing else, however it is printed', () => {
    const account = Account.fromSeed(new Uint8Array(32).fill(7));
    const printed = [
      inspect(account, { depth: 10, showHidden: true }),
      JSON.stringify(account),
      String(account),
      inspect({ nested: { account } }, { depth: 10 }),
    ];
    for (const text of printed) expect(text).not.toMatch(/seed|secret|(?:07){4}|7, 7, 7/iu);
    expect(JSON.parse(JSON.stringify(account))).toEqual({ publicKey: account.publicKey });
  });
});

describe('a keystore', () => {
  it('gives the account back for its passphrase, in any Unicode form, and only for it', async () => {
    const account = createAccount();
    const file: unknown = JSON.parse(JSON.stringify(await sealKeystore(account, 'caf\u00e9', CHEAP)));
    expect((await openKeystore(file, 'cafe\u0301')).publicKey).toBe(account.publicKey);
    await expect(openKeystore(file, 'cafe')).rejects.toMatchObject({ code: 'KEYSTORE_PASSPHRASE_WRONG' });
    expect(JSON.stringify(file)).not.toContain(toHex(account.exportSeed()));
  });

  it('is refused when any field was changed, before an unbounded cost is paid', async () => {
    const file = await sealKeystore(createAccount(), 'p', CHEAP);
    const other = createAccount().publicKey;
    await expect(openKeystore({ ...file, publicKey: other }, 'p')).rejects.toMatchObject({
      code: 'KEYSTORE_PASSPHRASE_WRONG',
    });
    const malformed = [
      undefined,
      {},
      { ...file, extra: 1 },
      { ...file, format: 'cloister-keystore/2' },
      { ...file, kdf: { ...file.kdf, log2N: 40 } },
      { ...file, kdf: { ...file.kdf, log2N: 1 } },
      { ...file, cipher: { ...file.cipher, nonce: 'zz' } },
    ];
    for (const bad of malformed)
      await expect(openKeystore(bad, 'p')).rejects.toMatchObject({ code: 'KEYSTORE_MALFORMED' });
  });
});
