/** HKDF with SHA-256 (RFC 5869) on the primitives' HMAC. */
import { hmacSha256 } from '#primitives';

const HASH_BYTES = 32;
const MAX_OUTPUT_BYTES = 255 * HASH_BYTES;

/** HKDF-Extract (RFC 5869 §2.2); the input keying material may come in parts. */
export const hkdfExtract = (salt: Uint8Array, ...inputKeyingMaterial: readonly Uint8Array[]): Uint8Array =>
  hmacSha256(salt, ...inputKeyingMaterial);

/** HKDF-Expand (RFC 5869 §2.3); the info may come in parts. */
export const hkdfExpand = (pseudorandomKey: Uint8Array, length: number, ...info: readonly Uint8Array[]): Uint8Array => {
  if (length > MAX_OUTPUT_BYTES) throw new RangeError('HKDF-SHA256 gives at most 8160 bytes');
  const output = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let counter = 1, at = 0; at < length; counter += 1, at += HASH_BYTES) {
    block = hmacSha256(pseudorandomKey, block, ...info, Uint8Array.of(counter));
    output.set(block.subarray(0, Math.min(HASH_BYTES, length - at)), at);
  }
  return output;
};

/** HKDF (RFC 5869 §2): extract, then expand. */
export const hkdf = (salt: Uint8Array, inputKeyingMaterial: Uint8Array, info: Uint8Array, length: number): Uint8Array =>
  hkdfExpand(hkdfExtract(salt, inputKeyingMaterial), length, info);
