/** The keystore: opens with its passphrase only, shows nothing, notices damage. */
import { describe, expect, it } from 'vitest';
import { createSecrets, openSecrets, sealSecrets } from '../../../node/keystore.ts';
import { toHex } from '../../../protocol/hex.ts';

const secrets = createSecrets();
const text = sealSecrets(secrets, 'correct horse');

const errorOf = (sealed: string, passphrase: string): unknown => {
  try {
    return openSecrets(sealed, passphrase);
  } catch (error) {
    return error;
  }
};

describe('the keystore', () => {
  it('gives the secrets back for the passphrase', () => {
    expect(openSecrets(text, 'correct horse')).toEqual(secrets);
  });

  it('shows no secret and never the same bytes twice', () => {
    for (const secret of [secrets.validator, secrets.network, secrets.replica])
      expect(text).not.toContain(toHex(secret));
    expect(sealSecrets(secrets, 'correct horse')).not.toBe(text);
  });

  it('refuses a wrong passphrase and says nothing else', () => {
    const error = errorOf(text, 'wrong horse');
    expect(error).toMatchObject({ code: 'KEYSTORE_LOCKED', data: {} });
    expect((error as Error).cause).toBeUndefined();
  });

  it.each([
    ['is no JSON', '{'],
    ['lacks fields', '{}'],
    ['has another format', text.replace('/1"', '/9"')],
    ['has a changed salt', text.replace(/"salt": "../u, '"salt": "00')],
    ['has a changed secret', text.replace(/"sealed": "(.{40})./u, (_all, start: string) => `"sealed": "${start}x`)],
    ['is cut short', text.replace(/"sealed": "(.{60}).*"/u, '"sealed": "$1"')],
  ])('refuses a file that %s', (_name, damaged) => {
    expect(errorOf(damaged, 'correct horse')).toMatchObject({ code: 'KEYSTORE_LOCKED' });
  });
});
