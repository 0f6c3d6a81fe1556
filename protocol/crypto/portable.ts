/**
 * Primitives on the @noble packages: the implementation for browsers, and the oracle that `native.ts` is tested
 * against. No Node-only import.
 *
 * Invariants: same results as `native.ts` for every input. Ed25519 verification is the network's one rule built on
 * curve points; the cofactored `verify` of the library is never used.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 as montgomery } from '@noble/curves/ed25519.js';
import { getPublicKey, hashes, Point, sign } from '@noble/ed25519';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256, sha384 as nobleSha384, sha512 as nobleSha512 } from '@noble/hashes/sha2.js';
import { sha3_256 as nobleSha3, shake256 as nobleShake } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { isAcceptablePublicKey as acceptable, passesEncodingRule } from './edwards-rule.ts';
import { type Primitives, requireLength, SIZES } from './primitives.ts';

hashes.sha512 = (message) => nobleSha512(message);

interface StreamingHash {
  update(part: Uint8Array): unknown;
  digest(): Uint8Array;
}

function digest(hash: StreamingHash, parts: readonly Uint8Array[]): Uint8Array {
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** SHA-256 of the concatenated parts. */
export const sha256: Primitives['sha256'] = (...parts) => digest(nobleSha256.create(), parts);

/** SHA-384 of the concatenated parts. */
export const sha384: Primitives['sha384'] = (...parts) => digest(nobleSha384.create(), parts);

/** SHA-512 of the concatenated parts. */
export const sha512: Primitives['sha512'] = (...parts) => digest(nobleSha512.create(), parts);

/** SHA3-256 of the concatenated parts. */
export const sha3_256: Primitives['sha3_256'] = (...parts) => digest(nobleSha3.create(), parts);

/** SHAKE256 of the concatenated parts, `length` bytes long. */
export const shake256: Primitives['shake256'] = (length, ...parts) =>
  digest(nobleShake.create({ dkLen: length }), parts);

/** HMAC-SHA256 of the concatenated parts. */
export const hmacSha256: Primitives['hmacSha256'] = (key, ...parts) => digest(hmac.create(nobleSha256, key), parts);

/** Ed25519 public key of a 32-byte secret. */
export const ed25519PublicKey: Primitives['ed25519PublicKey'] = (secret) => {
  requireLength('secret', secret, SIZES.ed25519Secret);
  return getPublicKey(secret);
};

/** Ed25519 signature. */
export const ed25519Sign: Primitives['ed25519Sign'] = (message, secret) => {
  requireLength('secret', secret, SIZES.ed25519Secret);
  return sign(message, secret);
};

function littleEndian(bytes: Uint8Array): bigint {
  let hex = '';
  for (let i = bytes.length - 1; i >= 0; i -= 1) hex += (bytes[i] ?? 0).toString(16).padStart(2, '0');
  return BigInt(`0x${hex}`);
}

/** The one verification rule of the network (`edwards-rule.ts`), step 3 on curve points. */
export const ed25519Verify: Primitives['ed25519Verify'] = (signature, message, publicKey) => {
  if (!passesEncodingRule(signature, publicKey)) return false;
  const encodedR = signature.subarray(0, 32);
  let key: Point;
  try {
    key = Point.fromBytes(publicKey, false);
  } catch {
    return false;
  }
  const s = littleEndian(signature.subarray(32));
  const k = littleEndian(digest(nobleSha512.create(), [encodedR, publicKey, message])) % Point.CURVE().n;
  const expected = Point.BASE.multiply(s, false).subtract(key.multiply(k, false)).toBytes();
  return expected.every((byte, i) => byte === encodedR[i]);
};

/** Whether a key may be registered: canonical, on the curve, of prime order. */
export const isAcceptablePublicKey: Primitives['isAcceptablePublicKey'] = acceptable;

/** X25519; undefined when the shared secret would be all zero or the public key has the wrong length. */
export const x25519: Primitives['x25519'] = (secret, publicKey) => {
  requireLength('secret', secret, SIZES.x25519Key);
  if (publicKey.length !== SIZES.x25519Key) return undefined;
  try {
    const shared = montgomery.getSharedSecret(secret, publicKey);
    return shared.every((byte) => byte === 0) ? undefined : shared;
  } catch {
    return undefined;
  }
};

/** X25519 public key of a 32-byte secret. */
export const x25519PublicKey: Primitives['x25519PublicKey'] = (secret) => {
  requireLength('secret', secret, SIZES.x25519Key);
  return montgomery.getPublicKey(secret);
};

/** ChaCha20-Poly1305: ciphertext followed by the 16-byte tag. */
export const aeadSeal: Primitives['aeadSeal'] = (key, nonce, aad, plaintext) => {
  requireLength('key', key, SIZES.aeadKey);
  requireLength('nonce', nonce, SIZES.aeadNonce);
  return chacha20poly1305(key, nonce, aad).encrypt(plaintext);
};

/** Opens what `aeadSeal` made; undefined when it is not authentic. */
export const aeadOpen: Primitives['aeadOpen'] = (key, nonce, aad, ciphertext) => {
  requireLength('key', key, SIZES.aeadKey);
  requireLength('nonce', nonce, SIZES.aeadNonce);
  if (ciphertext.length < SIZES.aeadTag) return undefined;
  try {
    return chacha20poly1305(key, nonce, aad).decrypt(ciphertext);
  } catch {
    return undefined;
  }
};

/** ML-KEM-768 key generation from the seed d ‖ z. */
export const mlKem768Keygen: Primitives['mlKem768Keygen'] = (seed) => {
  requireLength('seed', seed, SIZES.mlKemSeed);
  return { seed, publicKey: ml_kem768.keygen(seed).publicKey };
};

/** ML-KEM-768 encapsulation with given randomness; undefined when the key is invalid. */
export const mlKem768Encapsulate: Primitives['mlKem768Encapsulate'] = (publicKey, randomness) => {
  requireLength('randomness', randomness, SIZES.mlKemRandomness);
  if (publicKey.length !== SIZES.mlKemPublicKey) return undefined;
  try {
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, randomness);
    return { ciphertext: cipherText, sharedSecret };
  } catch {
    return undefined;
  }
};

/** ML-KEM-768 decapsulation (implicit rejection); undefined only for a ciphertext of the wrong length. */
export const mlKem768Decapsulate: Primitives['mlKem768Decapsulate'] = (ciphertext, seed) => {
  requireLength('seed', seed, SIZES.mlKemSeed);
  if (ciphertext.length !== SIZES.mlKemCiphertext) return undefined;
  return ml_kem768.decapsulate(ciphertext, ml_kem768.keygen(seed).secretKey);
};

/** Bytes of the platform's random generator (Web Crypto fills at most 64 KiB at once). */
export const randomBytes: Primitives['randomBytes'] = (length) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65_536)));
  }
  return bytes;
};
