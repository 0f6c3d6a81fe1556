/**
 * One cheap hash under all primitives of simulated nodes, at a tenth of the price of SHA-256: 128 bits of state, each block
 * of 16 bytes a permutation of it, so that inputs that differ in one block never meet. It withstands chance, not intent;
 * nobody in a simulation looks for collisions.
 */

const BLOCK_BYTES = 16;

let scratch = new Uint8Array(64 * 1024);
let words = new Int32Array(scratch.buffer);

/** The state after the last input. */
let a = 0;
let b = 0;
let c = 0;
let d = 0;

/** Copies all parts, one after the other, to the start of the scratch, and zeroes up to a whole block; gives their length. */
const join = (parts: readonly Uint8Array[]): number => {
  let length = 0;
  for (const part of parts) length += part.length;
  if (length + BLOCK_BYTES > scratch.length) {
    scratch = new Uint8Array(2 * (length + BLOCK_BYTES) - ((2 * length) % BLOCK_BYTES));
    words = new Int32Array(scratch.buffer);
  }
  let offset = 0;
  for (const part of parts) {
    scratch.set(part, offset);
    offset += part.length;
  }
  for (; offset % BLOCK_BYTES !== 0; offset += 1) scratch[offset] = 0;
  return length;
};

const permute = (first: number, second: number, third: number, fourth: number): void => {
  a = Math.imul(a ^ first, 0x239b961b);
  a = (((a << 15) | (a >>> 17)) + d) | 0;
  b = Math.imul(b ^ second, 0x38b34ae5);
  b = (((b << 13) | (b >>> 19)) + a) | 0;
  c = Math.imul(c ^ third, 0x561ccd1b);
  c = (((c << 17) | (c >>> 15)) + b) | 0;
  d = Math.imul(d ^ fourth, 0x0bcaa747);
  d = (((d << 16) | (d >>> 16)) + c) | 0;
};

const absorb = (parts: readonly Uint8Array[]): void => {
  const length = join(parts);
  a = 0x243f6a88 ^ length;
  b = 0x13198a2e;
  c = 0x299f31d0;
  d = 0x082efa98;
  for (let i = 0; i * 4 < length; i += 4)
    permute(words[i] as number, words[i + 1] as number, words[i + 2] as number, words[i + 3] as number);
  for (let round = 0; round < 3; round += 1) permute(c, d, a, b);
};

/** Hash of the parts, one after the other: `length` bytes, a multiple of 16. */
export const digestOf = (length: number, parts: readonly Uint8Array[]): Uint8Array => {
  absorb(parts);
  const bytes = new Uint8Array(length);
  for (let offset = 0; offset < length; offset += BLOCK_BYTES) {
    for (let i = 0; i < 4; i += 1) {
      const shift = 24 - 8 * i;
      bytes[offset + i] = a >>> shift;
      bytes[offset + 4 + i] = b >>> shift;
      bytes[offset + 8 + i] = c >>> shift;
      bytes[offset + 12 + i] = d >>> shift;
    }
    permute(b, c, d, a);
  }
  return bytes;
};

/** Whether `bytes` begin with the first 16 bytes of the hash of the parts. */
export const startsWithDigest = (bytes: Uint8Array, parts: readonly Uint8Array[]): boolean => {
  absorb(parts);
  return wordAt(bytes, 0) === a && wordAt(bytes, 4) === b && wordAt(bytes, 8) === c && wordAt(bytes, 12) === d;
};

const wordAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] as number) << 24) |
  ((bytes[offset + 1] as number) << 16) |
  ((bytes[offset + 2] as number) << 8) |
  (bytes[offset + 3] as number);
