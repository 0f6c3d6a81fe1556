/** Padding hides length inside a bucket, comes back exactly, and accepts nothing else. */
import { describe, expect, it } from 'vitest';
import type { PlainBytes } from '../../../protocol/brand.ts';
import { ENVELOPE_BUCKETS, OUTPUT_BUCKETS, pad, paddedCapacity, unpad } from '../../../protocol/padding.ts';
import { syntheticOpen, syntheticSeal } from '../../../protocol/synthetic-seal.ts';
import { pattern } from './fixtures.ts';

describe('padding', () => {
  it('has the documented buckets', () => {
    expect(ENVELOPE_BUCKETS).toEqual([512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]);
    expect(OUTPUT_BUCKETS[0]).toBe(256);
    expect(OUTPUT_BUCKETS.at(-1)).toBe(1024 * 1024);
  });

  it('fills the smallest bucket and returns the content, at every edge', () => {
    for (const bucket of ENVELOPE_BUCKETS) {
      for (const length of [bucket / 2 - 3, bucket - 5, bucket - 4]) {
        if (length > bucket - 4 || (bucket === 512 && length < 0)) continue;
        const content = pattern(length);
        const padded = pad(content, ENVELOPE_BUCKETS);
        expect(padded).toHaveLength(bucket);
        expect(unpad(padded, ENVELOPE_BUCKETS)).toEqual(content);
      }
    }
    expect(pad(new Uint8Array(0), ENVELOPE_BUCKETS)).toHaveLength(512);
    expect(() => pad(new Uint8Array(paddedCapacity(ENVELOPE_BUCKETS) + 1), ENVELOPE_BUCKETS)).toThrow(RangeError);
  });

  it('refuses other sizes, lengths that do not fit and anything but zeros behind the content', () => {
    const padded = pad(pattern(10), ENVELOPE_BUCKETS);
    expect(unpad(padded.subarray(1), ENVELOPE_BUCKETS)).toBeUndefined();
    expect(unpad(new Uint8Array(0), ENVELOPE_BUCKETS)).toBeUndefined();
    for (const [at, value] of [
      [0, 0xff],
      [2, 2],
      [14, 1],
      [511, 1],
    ] as const) {
      const changed = padded.slice();
      changed[at] = value;
      expect(unpad(changed, ENVELOPE_BUCKETS)).toBeUndefined();
    }
  });
});

describe('synthetic seal', () => {
  const key = pattern(32);
  const content = pattern(300) as PlainBytes;

  it('is deterministic and opens only with the same key and context', () => {
    const sealed = syntheticSeal(key, pattern(5), content);
    expect(syntheticSeal(key, pattern(5), content)).toEqual(sealed);
    expect(syntheticOpen(key, pattern(5), sealed)).toEqual(content);
    expect(syntheticOpen(pattern(32, 1), pattern(5), sealed)).toBeUndefined();
    expect(syntheticOpen(key, pattern(6), sealed)).toBeUndefined();
    expect(syntheticOpen(key, pattern(5), sealed.subarray(0, 27))).toBeUndefined();
    for (let at = 0; at < sealed.length; at += 7) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(syntheticOpen(key, pattern(5), changed)).toBeUndefined();
    }
  });

  it('never repeats a nonce for different content or context', () => {
    const nonces = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const other = content.slice() as PlainBytes;
      other[0] = i;
      nonces.add(syntheticSeal(key, pattern(5), other).subarray(0, 12).toString());
      nonces.add(syntheticSeal(key, pattern(5, i), content).subarray(0, 12).toString());
    }
    expect(nonces.size).toBe(399);
  });
});
