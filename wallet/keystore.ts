/**
 * The keystore: an account's seed under a passphrase, as the content of a JSON file.
 *
 * scrypt (RFC 7914) and ChaCha20-Poly1305; every field beside the ciphertext is authenticated. A reader bounds the
 * cost before it pays it, so a hostile file cannot exhaust memory.
 */
import { aeadOpen, aeadSeal, randomBytes } from '#primitives';
import { scryptAsync } from '@noble/hashes/scrypt.js';
import { fromHex, toHex, utf8 } from '../protocol/hex.ts';
import { jsonCount, jsonHex, jsonRecord, type Shaped, jsonWord } from '../protocol/json-shape.ts';
import { Account, SEED_BYTES } from './account.ts';
import { walletErrors } from './errors.ts';

/** Format name and version. */
export const KEYSTORE_FORMAT = 'cloister-keystore/1';
/** Default cost, log2 N: 128 MiB and about half a second (OWASP password storage, scrypt N = 2^17, r = 8, p = 1). */
export const DEFAULT_SCRYPT_COST = 17;
const MIN_SCRYPT_COST = 14;
const MAX_SCRYPT_COST = 20;
const TAG_BYTES = 16;

const keystoreShape = jsonRecord({
  format: jsonWord(KEYSTORE_FORMAT),
  publicKey: jsonHex(32),
  kdf: jsonRecord({ name: jsonWord('scrypt'), log2N: jsonCount(), salt: jsonHex(32) }),
  cipher: jsonRecord({
    name: jsonWord('chacha20-poly1305'),
    nonce: jsonHex(12),
    ciphertext: jsonHex(SEED_BYTES + TAG_BYTES),
  }),
});

/** The content of a keystore file. */
export type Keystore = Shaped<typeof keystoreShape>;

const passphraseKey = (passphrase: string, kdf: Keystore['kdf']): Promise<Uint8Array> =>
  scryptAsync(utf8(passphrase.normalize('NFKC')), fromHex(kdf.salt), {
    N: 2 ** kdf.log2N,
    r: 8,
    p: 1,
    dkLen: 32,
    maxmem: 2 ** 31,
  });

const authenticated = (publicKey: string, kdf: Keystore['kdf']): Uint8Array =>
  utf8(`${KEYSTORE_FORMAT}\n${publicKey}\n${kdf.name}\n${kdf.log2N}\n${kdf.salt}`);

/** Seals an account under a passphrase. `log2N` from 14 to 20 sets the cost. */
export const sealKeystore = async (
  account: Account,
  passphrase: string,
  log2N = DEFAULT_SCRYPT_COST,
): Promise<Keystore> => {
  if (log2N < MIN_SCRYPT_COST || log2N > MAX_SCRYPT_COST) throw new RangeError('log2N must lie between 14 and 20');
  const kdf = { name: 'scrypt', log2N, salt: toHex(randomBytes(32)) } as const;
  const nonce = randomBytes(12);
  const key = await passphraseKey(passphrase, kdf);
  const ciphertext = aeadSeal(key, nonce, authenticated(account.publicKey, kdf), account.exportSeed());
  return {
    format: KEYSTORE_FORMAT,
    publicKey: account.publicKey,
    kdf,
    cipher: { name: 'chacha20-poly1305', nonce: toHex(nonce), ciphertext: toHex(ciphertext) },
  };
};

const readKeystore = (file: unknown): Keystore => {
  let keystore: Keystore;
  try {
    keystore = keystoreShape.read(file, 'keystore');
  } catch (cause) {
    throw walletErrors.error('KEYSTORE_MALFORMED', {}, cause);
  }
  const { log2N } = keystore.kdf;
  if (log2N < MIN_SCRYPT_COST || log2N > MAX_SCRYPT_COST) throw walletErrors.error('KEYSTORE_MALFORMED', { log2N });
  return keystore;
};

/** Opens a parsed keystore file. Throws KEYSTORE_MALFORMED or KEYSTORE_PASSPHRASE_WRONG. */
export const openKeystore = async (file: unknown, passphrase: string): Promise<Account> => {
  const { publicKey, kdf, cipher } = readKeystore(file);
  const key = await passphraseKey(passphrase, kdf);
  const seed = aeadOpen(key, fromHex(cipher.nonce), authenticated(publicKey, kdf), fromHex(cipher.ciphertext));
  if (seed === undefined) throw walletErrors.error('KEYSTORE_PASSPHRASE_WRONG');
  const account = Account.fromSeed(seed);
  if (account.publicKey !== publicKey) throw walletErrors.error('KEYSTORE_MALFORMED');
  return account;
};
