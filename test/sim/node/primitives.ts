/**
 * Stands in for `#primitives`: hashes, signatures and seals that cost little and hide nothing, and randomness from the
 * seed. A public key is the secret under a hash; nobody in a simulation signs with a key that is not its own.
 */
import { type Primitives, SIZES } from '../../../protocol/crypto/primitives.ts';
import { newBytes } from '../../../protocol/hex.ts';
import { digestOf, startsWithDigest } from './digest.ts';
import { host } from './host.ts';

export * from '../../../protocol/crypto/native.ts';

const HASH_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** The one hash of the network. */
export const sha256: Primitives['sha256'] = (...parts) => digestOf(HASH_BYTES, parts);

const publicKeys = new WeakMap<Uint8Array, Uint8Array>();

/** Public key of a secret. */
export const ed25519PublicKey: Primitives['ed25519PublicKey'] = (secret) => {
  const known = publicKeys.get(secret) ?? sha256(secret);
  publicKeys.set(secret, known);
  return known;
};

/** A signature: a hash of public key and message. */
export const ed25519Sign: Primitives['ed25519Sign'] = (message, secret) =>
  digestOf(SIGNATURE_BYTES, [ed25519PublicKey(secret), message]);

/** Checks a simulated signature. */
export const ed25519Verify: Primitives['ed25519Verify'] = (signature, message, publicKey) =>
  signature.length === SIGNATURE_BYTES && startsWithDigest(signature, [publicKey, message]);

/** Bytes from the seed. */
export const randomBytes: Primitives['randomBytes'] = (length) =>
  Uint8Array.from({ length }, () => host().random.below(256));

/** Any key may be registered. */
export const isAcceptablePublicKey: Primitives['isAcceptablePublicKey'] = () => true;

/** A key of a key: one hash. */
export const hmacSha256: Primitives['hmacSha256'] = (key, ...parts) => digestOf(HASH_BYTES, [key, ...parts]);

/** A seal: the text itself and a hash of all that it binds. */
export const aeadSeal: Primitives['aeadSeal'] = (key, nonce, aad, plaintext) => {
  const sealed = newBytes(plaintext.length + SIZES.aeadTag);
  sealed.set(plaintext);
  sealed.set(digestOf(SIZES.aeadTag, [key, nonce, aad, plaintext]), plaintext.length);
  return sealed;
};

/** Opens what `aeadSeal` made. */
export const aeadOpen: Primitives['aeadOpen'] = (key, nonce, aad, ciphertext) => {
  if (ciphertext.length < SIZES.aeadTag) return undefined;
  const plaintext = ciphertext.slice(0, ciphertext.length - SIZES.aeadTag);
  const tag = ciphertext.subarray(plaintext.length);
  return startsWithDigest(tag, [key, nonce, aad, plaintext]) ? plaintext : undefined;
};
