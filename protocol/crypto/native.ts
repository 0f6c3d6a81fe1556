/**
 * Primitives on node:crypto, the implementation used by every Node process (Node 26 and newer).
 *
 * Invariants: same results as `portable.ts` for every input, hostile ones included (test/unit/crypto). Importing a
 * secret costs 20 to 70 µs, so prepared secrets are remembered by the identity of the caller's array: the memory ends
 * with that array, no copy of a secret becomes a map key. ML-KEM encapsulation takes its randomness from the caller,
 * which node:crypto cannot do, and therefore runs on @noble/post-quantum.
 */
import * as crypto from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { isAcceptablePublicKey as acceptable, passesEncodingRule } from './edwards-rule.ts';
import { type Primitives, requireLength, SIZES } from './primitives.ts';

/** Parts up to this total are joined first: copying a few KiB is cheaper than a native call for each part. */
const ONE_SHOT_MAX_BYTES = 16_384;

/**
 * Where short inputs are joined. An array of its own for each hash would cost more than the hash: every array of more
 * than 64 bytes is memory outside the JavaScript heap. It is wiped after each use, since secrets pass through it.
 */
const scratch = new Uint8Array(ONE_SHOT_MAX_BYTES);

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** One-shot hash. The digest is fetched as text of one character a byte, at half the price of a Buffer. */
function digestOf(algorithm: string, whole: Uint8Array): Uint8Array {
  const text = crypto.hash(algorithm, whole, 'latin1');
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Uint8Array {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined && only.length > 64) return digestOf(algorithm, only);
  const end = joinIntoScratch(parts, 0);
  if (end !== undefined) {
    const bytes = digestOf(algorithm, scratch.subarray(0, end));
    scratch.fill(0, 0, end);
    return bytes;
  }
  const hash = crypto.createHash(algorithm);
  for (const part of parts) hash.update(part);
  return plain(hash.digest());
}

/** Copies the parts into the scratch from `start` and returns their end; undefined, copying nothing, when too long. */
function joinIntoScratch(parts: readonly Uint8Array[], start: number): number | undefined {
  let end = start;
  for (const part of parts) end += part.length;
  if (end > ONE_SHOT_MAX_BYTES) return undefined;
  let offset = start;
  for (const part of parts) {
    scratch.set(part, offset);
    offset += part.length;
  }
  return end;
}

/** SHA-256 of the concatenated parts. */
export const sha256: Primitives['sha256'] = (...parts) => digest('sha256', parts);

/** SHA-384 of the concatenated parts. */
export const sha384: Primitives['sha384'] = (...parts) => digest('sha384', parts);

/** SHA-512 of the concatenated parts. */
export const sha512: Primitives['sha512'] = (...parts) => digest('sha512', parts);

/** SHA3-256 of the concatenated parts. */
export const sha3_256: Primitives['sha3_256'] = (...parts) => digest('sha3-256', parts);

/** SHAKE256 of the concatenated parts, `length` bytes long. */
export const shake256: Primitives['shake256'] = (length, ...parts) => {
  const hash = crypto.createHash('shake256', { outputLength: length });
  for (const part of parts) hash.update(part);
  return plain(hash.digest());
};

const HMAC_BLOCK_BYTES = 64;

function putHmacBlock(key: Uint8Array, mask: number): void {
  for (let i = 0; i < HMAC_BLOCK_BYTES; i += 1) scratch[i] = (key[i] ?? 0) ^ mask;
}

/** HMAC-SHA256 (RFC 2104) of the concatenated parts; short ones as two one-shot hashes, at half the price of an object. */
export const hmacSha256: Primitives['hmacSha256'] = (key, ...parts) => {
  const end = key.length <= HMAC_BLOCK_BYTES ? joinIntoScratch(parts, HMAC_BLOCK_BYTES) : undefined;
  if (end === undefined) {
    const hmac = crypto.createHmac('sha256', key);
    for (const part of parts) hmac.update(part);
    return plain(hmac.digest());
  }
  putHmacBlock(key, 0x36);
  const inner = digestOf('sha256', scratch.subarray(0, end));
  scratch.fill(0, HMAC_BLOCK_BYTES, end);
  putHmacBlock(key, 0x5c);
  scratch.set(inner, HMAC_BLOCK_BYTES);
  const outer = digestOf('sha256', scratch.subarray(0, HMAC_BLOCK_BYTES + inner.length));
  scratch.fill(0, 0, HMAC_BLOCK_BYTES + inner.length);
  return outer;
};

interface PreparedSecret {
  readonly fingerprint: Uint8Array;
  readonly key: crypto.KeyObject;
}

/** Remembers the imported form of a secret while the caller's array lives; a changed array is imported again. */
function secretImporter(
  length: number,
  importKey: (secret: Uint8Array) => crypto.KeyObject,
): (secret: Uint8Array) => crypto.KeyObject {
  const prepared = new WeakMap<Uint8Array, PreparedSecret>();
  return (secret) => {
    requireLength('secret', secret, length);
    const fingerprint = sha256(secret);
    const known = prepared.get(secret);
    if (known !== undefined && crypto.timingSafeEqual(known.fingerprint, fingerprint)) return known.key;
    const key = importKey(secret);
    prepared.set(secret, { fingerprint, key });
    return key;
  };
}

const ed25519Secret = secretImporter(SIZES.ed25519Secret, (secret) =>
  crypto.createPrivateKey({ key: secret, format: 'raw-private', asymmetricKeyType: 'ed25519' }),
);
const x25519Secret = secretImporter(SIZES.x25519Key, (secret) =>
  crypto.createPrivateKey({ key: secret, format: 'raw-private', asymmetricKeyType: 'x25519' }),
);
const mlKemSecret = secretImporter(SIZES.mlKemSeed, (seed) =>
  crypto.createPrivateKey({ key: seed, format: 'raw-seed', asymmetricKeyType: 'ml-kem-768' }),
);

function publicBytes(secret: crypto.KeyObject): Uint8Array {
  return plain(crypto.createPublicKey(secret).export({ format: 'raw-public' }));
}

/** Ed25519 public key of a 32-byte secret. */
export const ed25519PublicKey: Primitives['ed25519PublicKey'] = (secret) => publicBytes(ed25519Secret(secret));

/** Ed25519 signature. */
export const ed25519Sign: Primitives['ed25519Sign'] = (message, secret) =>
  plain(crypto.sign(null, message, ed25519Secret(secret)));

/** The one verification rule of the network. */
export const ed25519Verify: Primitives['ed25519Verify'] = (signature, message, publicKey) => {
  if (!passesEncodingRule(signature, publicKey)) return false;
  try {
    const key = crypto.createPublicKey({ key: publicKey, format: 'raw-public', asymmetricKeyType: 'ed25519' });
    return crypto.verify(null, message, key, signature);
  } catch {
    return false;
  }
};

/** Whether a key may be registered: canonical, on the curve, of prime order. */
export const isAcceptablePublicKey: Primitives['isAcceptablePublicKey'] = acceptable;

/** X25519; undefined when the shared secret would be all zero or the public key has the wrong length. */
export const x25519: Primitives['x25519'] = (secret, publicKey) => {
  const privateKey = x25519Secret(secret);
  if (publicKey.length !== SIZES.x25519Key) return undefined;
  try {
    const peer = crypto.createPublicKey({ key: publicKey, format: 'raw-public', asymmetricKeyType: 'x25519' });
    return plain(crypto.diffieHellman({ privateKey, publicKey: peer }));
  } catch {
    return undefined;
  }
};

/** X25519 public key of a 32-byte secret. */
export const x25519PublicKey: Primitives['x25519PublicKey'] = (secret) => publicBytes(x25519Secret(secret));

/** ChaCha20-Poly1305: ciphertext followed by the 16-byte tag. */
export const aeadSeal: Primitives['aeadSeal'] = (key, nonce, aad, plaintext) => {
  requireLength('key', key, SIZES.aeadKey);
  requireLength('nonce', nonce, SIZES.aeadNonce);
  const cipher = crypto.createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: SIZES.aeadTag });
  cipher.setAAD(aad, { plaintextLength: plaintext.length });
  const body = cipher.update(plaintext);
  cipher.final();
  const sealed = plain(Buffer.allocUnsafe(body.length + SIZES.aeadTag));
  sealed.set(body);
  sealed.set(cipher.getAuthTag(), body.length);
  return sealed;
};

/** Opens what `aeadSeal` made; undefined when it is not authentic. */
export const aeadOpen: Primitives['aeadOpen'] = (key, nonce, aad, ciphertext) => {
  requireLength('key', key, SIZES.aeadKey);
  requireLength('nonce', nonce, SIZES.aeadNonce);
  const bodyLength = ciphertext.length - SIZES.aeadTag;
  if (bodyLength < 0) return undefined;
  const decipher = crypto.createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: SIZES.aeadTag });
  decipher.setAAD(aad, { plaintextLength: bodyLength });
  decipher.setAuthTag(ciphertext.subarray(bodyLength));
  const body = decipher.update(ciphertext.subarray(0, bodyLength));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain(body);
};

/** ML-KEM-768 key generation from the seed d ‖ z. */
export const mlKem768Keygen: Primitives['mlKem768Keygen'] = (seed) => ({
  seed,
  publicKey: publicBytes(mlKemSecret(seed)),
});

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
  const key = mlKemSecret(seed);
  if (ciphertext.length !== SIZES.mlKemCiphertext) return undefined;
  return plain(crypto.decapsulate(key, ciphertext));
};

/** Bytes of the system's random generator. */
export const randomBytes: Primitives['randomBytes'] = (length) => plain(crypto.randomBytes(length));
