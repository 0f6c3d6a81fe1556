/** Bytes, hexadecimal digits and text: the few conversions that every room needs, without Node-only imports. */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

/** Up to here the loop below is several times faster than the built-in conversion, which allocates outside the heap. */
const LONGEST_SHORT_DIGITS = 128;
const NO_DIGIT = 0xff;
const digitValues = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = '0123456789abcdef'.indexOf(String.fromCharCode(code).toLowerCase());
  return value < 0 ? NO_DIGIT : value;
});

/** Arrays up to this size live on the engine's own heap and cost nothing to speak of. */
const SMALL_BYTES = 64;
/** Arrays above this size have memory of their own. */
const SHARED_BYTES = 1024;
/** As large as the pool of Node's own buffers: what lives long keeps no more than this beside itself. */
const SLAB_BYTES = 8 * 1024;
let slab = new Uint8Array(0);
let slabUsed = 0;

/**
 * A zeroed array. Medium sizes are cut from a common slab, which costs a tenth of memory of their own; each byte of a
 * slab is given out once. Whoever needs `.buffer` must also use `.byteOffset` and `.byteLength`.
 */
export const newBytes = (length: number): Uint8Array => {
  if (length <= SMALL_BYTES || length > SHARED_BYTES) return new Uint8Array(length);
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const start = slabUsed;
  slabUsed += length;
  return slab.subarray(start, slabUsed);
};

/** Lowercase hexadecimal digits of the bytes. */
export const toHex = (value: Uint8Array): string => bytesToHex(value);

/** Bytes of lowercase or uppercase hexadecimal digits; throws on any other character or an odd length. */
export const fromHex = (digits: string): Uint8Array => {
  if (typeof digits !== 'string' || digits.length > LONGEST_SHORT_DIGITS || digits.length % 2 !== 0)
    return hexToBytes(digits);
  const bytes = new Uint8Array(digits.length / 2);
  let beyondDigits = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const first = digits.charCodeAt(2 * i);
    const second = digits.charCodeAt(2 * i + 1);
    const high = digitValues[first & 0x7f] as number;
    const low = digitValues[second & 0x7f] as number;
    beyondDigits |= ((first | second) >> 7) | ((high | low) >> 4);
    bytes[i] = (high << 4) | low;
  }
  return beyondDigits === 0 ? bytes : hexToBytes(digits);
};

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const TEXT_SCRATCH_BYTES = 4096;
const textScratch = new Uint8Array(TEXT_SCRATCH_BYTES);
const WIDEST_CHARACTER = 3;

/** UTF-8 bytes of a text. */
export const utf8 = (value: string): Uint8Array => {
  if (value.length * WIDEST_CHARACTER > TEXT_SCRATCH_BYTES) return encoder.encode(value);
  const { written } = encoder.encodeInto(value, textScratch);
  const bytes = newBytes(written);
  bytes.set(textScratch.subarray(0, written));
  textScratch.fill(0, 0, written);
  return bytes;
};

/** Number of UTF-8 bytes of a text; lone surrogates count as U+FFFD. */
export const utf8Length = (value: string): number => {
  if (value.length * WIDEST_CHARACTER > TEXT_SCRATCH_BYTES) return encoder.encode(value).length;
  const { written } = encoder.encodeInto(value, textScratch);
  textScratch.fill(0, 0, written);
  return written;
};

/** Text of UTF-8 bytes; throws TypeError on malformed bytes. */
export const fromUtf8 = (value: Uint8Array): string => decoder.decode(value);

/** The bytes of all parts, in order. */
export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => {
  let size = 0;
  for (const part of parts) size += part.length;
  const joined = newBytes(size);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
};

/** 8 big-endian bytes of a safe integer of at least 0. */
export const u64Bytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  const high = Math.floor(value / 0x100000000);
  for (let i = 0; i < 4; i += 1) {
    bytes[i] = high >>> (24 - 8 * i);
    bytes[4 + i] = value >>> (24 - 8 * i);
  }
  return bytes;
};

/** Whether two byte strings are equal, in time that depends on their length only. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
};
