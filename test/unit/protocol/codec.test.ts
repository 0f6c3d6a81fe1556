/** Canonical encoding: round trips, and every other byte string refused. */
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import {
  bool,
  byteString,
  bytes,
  type Codec,
  decode,
  encode,
  hex,
  list,
  optional,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../../protocol/codec.ts';
import { isCloisterError } from '../../../protocol/errors.ts';
import { isCanonicalWire, readWire, type Wire, writeWire } from '../../../protocol/wire.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const sample = struct({
  small: u8,
  medium: u16,
  large: u32,
  huge: u64,
  flag: bool,
  fixed: bytes(4),
  blob: byteString(70_000),
  digest: hex(4),
  name: text(300),
  items: list(u32, 70_000),
  maybe: optional(text(8)),
  shape: union({ circle: [1, struct({ radius: u8 })], none: [2, struct({})] }),
});

const value = {
  small: 255,
  medium: 256,
  large: 0xffffffff,
  huge: Number.MAX_SAFE_INTEGER,
  flag: true,
  fixed: Uint8Array.of(1, 2, 3, 4),
  blob: new Uint8Array(66_000).fill(7),
  digest: 'deadbeef',
  name: 'é'.repeat(120),
  items: Array.from({ length: 66_000 }, (_, i) => i),
  maybe: undefined,
  shape: { kind: 'circle' as const, radius: 3 },
};

const rejects = (codec: Codec<unknown>, input: Uint8Array, maxBytes = 1_000_000): void => {
  try {
    decode(codec, input, maxBytes);
  } catch (error) {
    expect(isCloisterError(error)).toBe(true);
    return;
  }
  expect.unreachable(`accepted ${Buffer.from(input.subarray(0, 40)).toString('hex')}`);
};

describe('codec', () => {
  it('gives back what it encoded, and the same bytes again', () => {
    const encoded = encode(sample, value);
    const decoded = decode(sample, encoded, 1_000_000);
    expect(decoded).toEqual(value);
    expect(Buffer.compare(encode(sample, decoded), encoded)).toBe(0);
  });

  it('refuses every truncation and every trailing byte', () => {
    const encoded = encode(sample, { ...value, blob: new Uint8Array(3), items: [1, 300, 70_000] });
    for (let size = 0; size < encoded.length; size += 1) rejects(sample, encoded.subarray(0, size));
    rejects(sample, Uint8Array.of(...encoded, 0));
  });

  it('refuses, or decodes injectively, every single-byte change', () => {
    const encoded = encode(sample, { ...value, blob: new Uint8Array(3), items: [1, 300, 70_000] });
    for (let offset = 0; offset < encoded.length; offset += 1) {
      for (const mask of [1, 0x80, 0xff]) {
        const changed = encoded.slice();
        changed[offset] = (changed[offset] ?? 0) ^ mask;
        let decoded: unknown;
        try {
          decoded = decode(sample, changed, 1_000_000);
        } catch (error) {
          expect(isCloisterError(error)).toBe(true);
          continue;
        }
        expect(Buffer.compare(encode(sample, decoded as never), changed)).toBe(0);
      }
    }
  });

  it.each([
    ['non-minimal integer', [0xcc, 0x05]],
    ['non-minimal 16-bit integer', [0xcd, 0x00, 0xff]],
    ['negative integer', [0xff]],
    ['float', [0xcb, 0x40, 0x14, 0, 0, 0, 0, 0, 0]],
    ['uint64', [0xcf, 0, 0, 0, 0, 0, 0, 0, 5]],
    ['map', [0x81, 0xa1, 0x61, 0x01]],
    ['nil', [0xc0]],
    ['boolean', [0xc3]],
    ['extension: Date', [0xd6, 0xff, 0, 0, 0, 0]],
    ['extension: record', [0xd4, 0x72, 0x40]],
    ['never used head', [0xc1]],
    ['non-minimal string header', [0xd9, 0x01, 0x61]],
    ['non-minimal array header', [0xdc, 0x00, 0x01, 0x01]],
    ['non-minimal binary header', [0xc5, 0x00, 0x01, 0x01]],
    ['invalid UTF-8', [0xa1, 0xff]],
    ['4 GiB binary claim', [0xc6, 0xff, 0xff, 0xff, 0xff, 0x00]],
    ['4 G element claim', [0xdd, 0xff, 0xff, 0xff, 0xff, 0x00]],
    ['empty input', []],
  ])('the reader refuses %s', (_name, input) => {
    expect(isCanonicalWire(Uint8Array.from(input))).toBe(false);
  });

  it('bounds nesting', () => {
    const nested = (depth: number): Uint8Array => Uint8Array.from([...Array.from({ length: depth }, () => 0x91), 0x00]);
    expect(isCanonicalWire(nested(12))).toBe(true);
    expect(isCanonicalWire(nested(13))).toBe(false);
    expect(isCanonicalWire(nested(1_000_000))).toBe(false);
  });

  it('accepts only what an encoder of the subset produces, on random values of a foreign encoder', () => {
    const foreign = new Packr();
    for (const odd of [new Date(0), new Map([[1, 2]]), { a: 1 }, 5n, -1, 1.5, null, true]) {
      expect([String(odd), isCanonicalWire(foreign.pack([odd]))]).toEqual([String(odd), false]);
    }
  });

  it('writes what MessagePack prescribes and reads it back, on random values around every header width', () => {
    const other = new Packr({ useRecords: false, variableMapSize: true });
    const random = seededRandom(7);
    const sizes = [0, 1, 10, 11, 15, 16, 31, 32, 33, 127, 128, 255, 256, 65_535, 65_536];
    const characters = ['a', 'é', '€', '😀', '\0', '\uFEFF'];
    const valueAt = (depth: number): Wire => {
      const size = sizes[random.integer(depth === 0 ? sizes.length : 13)] ?? 0;
      switch (random.integer(depth > 3 ? 3 : 4)) {
        case 0:
          return [0, 127, 128, 255, 256, 65_535, 65_536, 0xffffffff][random.integer(8)] ?? 0;
        case 1:
          return Array.from({ length: size }, () => characters[random.integer(size % 2 === 0 ? 1 : 6)]).join('');
        case 2:
          return new Uint8Array(size).fill(random.integer(256));
        default:
          return Array.from({ length: random.integer(18) }, () => valueAt(depth + 1));
      }
    };
    for (let i = 0; i < 300; i += 1) {
      const wire = valueAt(0);
      const bytes = writeWire(wire);
      expect(Buffer.compare(bytes, other.pack(wire))).toBe(0);
      const read = readWire(bytes);
      expect(read === undefined || Buffer.compare(writeWire(read), bytes)).toBe(0);
    }
  });

  it('gives byte strings that do not change with the message', () => {
    const encoded = encode(byteString(8), Uint8Array.of(1, 2, 3));
    const decoded = decode(byteString(8), encoded, 100);
    encoded.fill(0);
    expect([...decoded]).toEqual([1, 2, 3]);
  });

  it('refuses lists, bytes and texts beyond their bounds and sizes beyond the message bound', () => {
    rejects(list(u8, 2), encode(list(u8, 3), [1, 2, 3]));
    rejects(byteString(2), encode(byteString(3), new Uint8Array(3)));
    rejects(text(1), encode(text(2), 'é'));
    rejects(u64, encode(bytes(8), new Uint8Array(8).fill(0xff)));
    rejects(text(10), encode(text(10), 'abcdef'), 3);
  });
});
