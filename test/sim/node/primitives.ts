/**
 * Stands in for `#primitives`: real hashes, but signatures and seals that cost little and hide nothing, and randomness
 * from the seed. A public key is the secret under a hash; nobody in a simulation signs with a key that is not its own.
 */
import { sha256 } from '../../../protocol/crypto/native.ts';
import { type Primitives, SIZES } from '../../../protocol/crypto/primitives.ts';
import { host } from './host.ts';

export * from '../../../protocol/crypto/native.ts';

const publicKeys = new WeakMap<Uint8Array, Uint8Array>();

/** Public key of a secret. */
export const ed25519PublicKey: Primitives['ed25519PublicKey'] = (secret) => {
  const known = publicKeys.get(secret) ?? sha256(secret);
  publicKeys.set(secret, known);
  return known;
};

/** Checksum of a message under a key: 64 bits, in two numbers. */
const mix = (message: Uint8Array, key: Uint8Array): readonly [number, number] => {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let i = 0; i < 8; i += 1) low = Math.imul(low ^ (key[i] as number), 0x01000193);
  for (let i = 0; i < message.length; i += 1) {
    low = Math.imul(low ^ (message[i] as number), 0x01000193);
    high = Math.imul(high + (message[i] as number), 0x85ebca6b) ^ low;
  }
  return [low, high];
};

/** A signature: a checksum under the public key. */
export const ed25519Sign: Primitives['ed25519Sign'] = (message, secret) => {
  const signature = new Uint8Array(64);
  const [low, high] = mix(message, ed25519PublicKey(secret));
  const view = new DataView(signature.buffer);
  view.setInt32(0, low);
  view.setInt32(4, high);
  return signature;
};

/** Checks a simulated signature. */
export const ed25519Verify: Primitives['ed25519Verify'] = (signature, message, publicKey) => {
  if (signature.length !== 64) return false;
  const [low, high] = mix(message, publicKey);
  const view = new DataView(signature.buffer, signature.byteOffset, 8);
  return view.getInt32(0) === low && view.getInt32(4) === high;
};

/** Bytes from the seed. */
export const randomBytes: Primitives['randomBytes'] = (length) =>
  Uint8Array.from({ length }, () => host().random.below(256));

/** Any key may be registered. */
export const isAcceptablePublicKey: Primitives['isAcceptablePublicKey'] = () => true;

/** A key of a key: one hash. */
export const hmacSha256: Primitives['hmacSha256'] = (key, ...parts) => sha256(key, ...parts);

const tagOf = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array => {
  const tag = new Uint8Array(SIZES.aeadTag);
  const view = new DataView(tag.buffer);
  [mix(plaintext, key), mix(aad, nonce)].flat().forEach((word, index) => {
    view.setInt32(4 * index, word);
  });
  return tag;
};

/** A seal: the text itself and a checksum of all that it binds. */
export const aeadSeal: Primitives['aeadSeal'] = (key, nonce, aad, plaintext) => {
  const sealed = new Uint8Array(plaintext.length + SIZES.aeadTag);
  sealed.set(plaintext);
  sealed.set(tagOf(key, nonce, aad, plaintext), plaintext.length);
  return sealed;
};

/** Opens what `aeadSeal` made. */
export const aeadOpen: Primitives['aeadOpen'] = (key, nonce, aad, ciphertext) => {
  if (ciphertext.length < SIZES.aeadTag) return undefined;
  const plaintext = ciphertext.slice(0, ciphertext.length - SIZES.aeadTag);
  const tag = ciphertext.subarray(plaintext.length);
  return tagOf(key, nonce, aad, plaintext).every((byte, index) => byte === tag[index]) ? plaintext : undefined;
};
