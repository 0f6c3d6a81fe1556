/**
 * The node's secrets at rest: one JSON file, encrypted under a passphrase (scrypt, RFC 7914, then ChaCha20-Poly1305).
 *
 * Holds the validator's consensus key, the libp2p identity and the replica key of the ledger. Nothing here opens a
 * payload: those keys never leave the enclave.
 */
import { scryptSync } from 'node:crypto';
import { aeadOpen, aeadSeal, ed25519PublicKey, randomBytes } from '#primitives';
import { bytes, decode, encode, type Infer, struct } from '../protocol/codec.ts';
import { concatBytes, fromHex, toHex, utf8 } from '../protocol/hex.ts';
import { nodeErrors } from './errors.ts';

const secretsCodec = struct({ validator: bytes(32), network: bytes(32), replica: bytes(32) });

/** The node's secrets; never logged, never part of an error. */
export type NodeSecrets = Infer<typeof secretsCodec>;

const FORMAT = 'cloister-node-keystore/1';
/** scrypt cost: 2^15 × 8 × 128 B = 32 MiB and about 80 ms, once per start. */
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const NONCE_BYTES = 12;

interface KeystoreFile {
  readonly format: string;
  readonly validatorKey: string;
  readonly salt: string;
  readonly sealed: string;
}

const keyOf = (passphrase: string, salt: Uint8Array): Uint8Array =>
  new Uint8Array(scryptSync(passphrase, salt, 32, COST));

/** Fresh secrets. */
export const createSecrets = (): NodeSecrets => ({
  validator: randomBytes(32),
  network: randomBytes(32),
  replica: randomBytes(32),
});

/** The keystore file's text. */
export const sealSecrets = (secrets: NodeSecrets, passphrase: string): string => {
  const salt = randomBytes(16);
  const nonce = randomBytes(NONCE_BYTES);
  const sealed = aeadSeal(keyOf(passphrase, salt), nonce, utf8(FORMAT), encode(secretsCodec, secrets));
  const file: KeystoreFile = {
    format: FORMAT,
    validatorKey: toHex(ed25519PublicKey(secrets.validator)),
    salt: toHex(salt),
    sealed: toHex(concatBytes(nonce, sealed)),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
};

/** Opens a keystore file's text. Throws KEYSTORE_LOCKED for a wrong passphrase or a damaged file. */
export const openSecrets = (text: string, passphrase: string): NodeSecrets => {
  try {
    const file = JSON.parse(text) as Partial<KeystoreFile>;
    if (file.format !== FORMAT || typeof file.salt !== 'string' || typeof file.sealed !== 'string')
      throw new TypeError(FORMAT);
    const sealed = fromHex(file.sealed);
    const key = keyOf(passphrase, fromHex(file.salt));
    const opened = aeadOpen(key, sealed.subarray(0, NONCE_BYTES), utf8(FORMAT), sealed.subarray(NONCE_BYTES));
    if (opened === undefined) throw new TypeError('sealed');
    return decode(secretsCodec, opened, 1024);
  } catch {
    // The cause is left out on purpose: it could describe decrypted bytes.
    throw nodeErrors.error('KEYSTORE_LOCKED');
  }
};
