/**
 * Padding to size buckets, so that the length of a ciphertext says only which bucket its content fell into.
 *
 * Layout: 4-byte big-endian length ‖ content ‖ zeros up to the bucket. `unpad` accepts exactly that: a known bucket
 * size, a length that fits, and nothing but zeros behind it.
 */
import type { PlainBytes } from './brand.ts';
import { newBytes } from './hex.ts';

const LENGTH_BYTES = 4;

const powersOfTwo = (first: number, last: number): readonly number[] => {
  const sizes: number[] = [];
  for (let size = first; size <= last; size *= 2) sizes.push(size);
  return sizes;
};

/** Bucket sizes of calls and queries: 512 B, 1, 2, 4 … 64 KiB. */
export const ENVELOPE_BUCKETS = powersOfTwo(512, 64 * 1024);
/** Bucket sizes of outputs and answers: 256 B, 512 B, 1 KiB … 1 MiB. */
export const OUTPUT_BUCKETS = powersOfTwo(256, 1024 * 1024);

/** Most content bytes that the largest of the buckets holds. */
export const paddedCapacity = (buckets: readonly number[]): number => (buckets.at(-1) ?? 0) - LENGTH_BYTES;

/** Content padded to the smallest bucket that holds it. Throws RangeError when it is larger than the largest. */
export const pad = (content: Uint8Array, buckets: readonly number[]): PlainBytes => {
  const size = buckets.find((bucket) => content.length + LENGTH_BYTES <= bucket);
  if (size === undefined) throw new RangeError(`content of ${content.length} bytes is larger than the largest bucket`);
  const padded = newBytes(size);
  new DataView(padded.buffer, padded.byteOffset).setUint32(0, content.length);
  padded.set(content, LENGTH_BYTES);
  return padded as PlainBytes;
};

/** The content of padded bytes; undefined when they are not exactly what `pad` makes for some bucket. */
export const unpad = (padded: Uint8Array, buckets: readonly number[]): PlainBytes | undefined => {
  if (!buckets.includes(padded.length)) return undefined;
  const length = new DataView(padded.buffer, padded.byteOffset, LENGTH_BYTES).getUint32(0);
  const end = LENGTH_BYTES + length;
  if (end > padded.length) return undefined;
  let rest = 0;
  for (let i = end; i < padded.length; i += 1) rest |= padded[i] ?? 0;
  return rest === 0 ? (padded.subarray(LENGTH_BYTES, end) as PlainBytes) : undefined;
};
