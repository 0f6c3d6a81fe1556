/** The keystore: opens with its passphrase only, shows nothing, notices damage. */
import { describe, expect, it } from 'vitest';
import { FRESH_CUSTODY } from '../../../node/custody.ts';
import { createSecrets, openNodeKeystore, sealNodeKeystore } from '../../../node/keystore.ts';
import { sealWithPassphrase } from '../../../node/passphrase-seal.ts';
import { bytes, encode, struct } from '../../../protocol/codec.ts';
import { toHex, utf8 } from '../../../protocol/hex.ts';

const secrets = createSecrets();
const custody = { state: 'exported', generation: 3, guard: 'ab'.repeat(16), timeMs: 1_800_000_000_000 } as const;
const text = sealNodeKeystore({ secrets, custody }, 'correct horse');

const errorOf = (sealed: string, passphrase: string): unknown => {
  try {
    return openNodeKeystore(sealed, passphrase);
  } catch (error) {
    return error;
  }
};

describe('the keystore', () => {
  it('gives the secrets back for the passphrase', () => {
    expect(openNodeKeystore(text, 'correct horse')).toEqual({ secrets, custody });
  });

  it('opens the format of before, whose key counts as fresh', () => {
    const content = struct({ validator: bytes(32), network: bytes(32), replica: bytes(32) });
    const format = 'cloister-node-keystore/1';
    const { salt, sealed } = sealWithPassphrase('correct horse', utf8(format), encode(content, secrets));
    const older = JSON.stringify({ format, validatorKey: '', salt: toHex(salt), sealed: toHex(sealed) });
    expect(openNodeKeystore(older, 'correct horse')).toEqual({ secrets, custody: FRESH_CUSTODY });
    expect(errorOf(older.replace('keystore/1', 'keystore/2'), 'correct horse')).toMatchObject({
      code: 'KEYSTORE_LOCKED',
    });
  });

  it('shows no secret and never the same bytes twice', () => {
    for (const secret of [secrets.validator, secrets.network, secrets.replica])
      expect(text).not.toContain(toHex(secret));
    expect(sealNodeKeystore({ secrets, custody }, 'correct horse')).not.toBe(text);
  });

  it('refuses a wrong passphrase and says nothing else', () => {
    const error = errorOf(text, 'wrong horse');
    expect(error).toMatchObject({ code: 'KEYSTORE_LOCKED', data: {} });
    expect((error as Error).cause).toBeUndefined();
  });

  it.each([
    ['is no JSON', '{'],
    ['lacks fields', '{}'],
    ['has another format', text.replace('/2"', '/9"')],
    ['claims to be of the older format', text.replace('/2"', '/1"')],
    ['has a changed salt', text.replace(/"salt": "../u, '"salt": "00')],
    ['has a changed secret', text.replace(/"sealed": "(.{40})./u, (_all, start: string) => `"sealed": "${start}x`)],
    ['is cut short', text.replace(/"sealed": "(.{60}).*"/u, '"sealed": "$1"')],
  ])('refuses a file that %s', (_name, damaged) => {
    expect(errorOf(damaged, 'correct horse')).toMatchObject({ code: 'KEYSTORE_LOCKED' });
  });
});
