/**
 * Sealing under a passphrase: scrypt (RFC 7914), then ChaCha20-Poly1305. `label` names what is sealed and is
 * authenticated with it, so nothing sealed for one purpose opens for another.
 */
import { scryptSync } from 'node:crypto';
import { aeadOpen, aeadSeal, randomBytes } from '#primitives';
import { concatBytes } from '../protocol/hex.ts';

/** scrypt cost: 2^15 × 8 × 128 B = 32 MiB and about 80 ms. */
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } as const;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** What a passphrase opens. */
export interface PassphraseSealed {
  readonly salt: Uint8Array;
  /** nonce ‖ ciphertext ‖ tag. */
  readonly sealed: Uint8Array;
}

const keyOf = (passphrase: string, salt: Uint8Array): Uint8Array =>
  new Uint8Array(scryptSync(passphrase, salt, 32, COST));

/** Seals bytes; two calls never give the same. */
export const sealWithPassphrase = (passphrase: string, label: Uint8Array, plaintext: Uint8Array): PassphraseSealed => {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  return { salt, sealed: concatBytes(nonce, aeadSeal(keyOf(passphrase, salt), nonce, label, plaintext)) };
};

/** The bytes, or undefined for another passphrase or label, or altered bytes. */
export const openWithPassphrase = (
  passphrase: string,
  label: Uint8Array,
  { salt, sealed }: PassphraseSealed,
): Uint8Array | undefined => {
  if (salt.length !== SALT_BYTES || sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
  return aeadOpen(keyOf(passphrase, salt), sealed.subarray(0, NONCE_BYTES), label, sealed.subarray(NONCE_BYTES));
};
