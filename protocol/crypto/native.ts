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

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

function digest(algorithm: string, parts: readonly Uint8Array[]): Uint8Array {
  const whole = inOnePiece(parts);
  if (whole !== undefined) return plain(crypto.hash(algorithm, whole, 'buffer'));
  const hash = crypto.createHash(algorithm);
  for (const part of parts) hash.update(part);
  return plain(hash.digest());
}

/** The concatenation, when that is cheaper than one native call for each part; undefined when it is not. */
function inOnePiece(parts: readonly Uint8Array[]): Uint8Array | undefined {
  const only = parts[0];
  if (parts.length === 1 && only !== undefined) return only;
  let total = 0;
  for (const part of parts) total += part.length;
  return total <= ONE_SHOT_MAX_BYTES ? joined(parts, total) : undefined;
}

function joined(parts: readonly Uint8Array[], total: number): Uint8Array {
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
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

/** HMAC-SHA256 of the concatenated parts. */
export const hmacSha256: Primitives['hmacSha256'] = (key, ...parts) => {
  const hmac = crypto.createHmac('sha256', key);
  const whole = inOnePiece(parts);
  for (const part of whole === undefined ? parts : [whole]) hmac.update(part);
  return plain(hmac.digest());
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
  const sealed = new Uint8Array(body.length + SIZES.aeadTag);
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
