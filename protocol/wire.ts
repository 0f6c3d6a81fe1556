/**
 * The canonical subset of MessagePack: unsigned integers below 2^32, UTF-8 strings, byte strings and arrays, each with
 * the shortest header, nested at most MAX_DEPTH deep, no trailing bytes.
 *
 * Invariant: reading and writing are inverse; every byte string that the writer does not produce is refused while it is
 * read. Nothing is allocated in proportion to claimed lengths. Byte strings that were read alias the input.
 */
import { newBytes } from './hex.ts';

/** What travels: the canonical subset of MessagePack. */
export type Wire = number | string | Uint8Array | readonly Wire[];

/** Deepest nesting of arrays in any message. */
export const MAX_DEPTH = 12;

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** What a reader returns for bytes that are not canonical; no value of the subset is undefined. */
const REFUSED = undefined;
const EMPTY: readonly Wire[] = [];

class WireReader {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  value(depth: number): Wire | undefined {
    const bytes = this.#bytes;
    if (this.offset >= bytes.length) return REFUSED;
    const head = bytes[this.offset] ?? 0;
    this.offset += 1;
    if (head <= 0x7f) return head;
    if (head <= 0x8f) return REFUSED;
    if (head <= 0x9f) return this.#array(head - 0x90, depth);
    if (head <= 0xbf) return this.#text(head - 0xa0);
    switch (head) {
      case 0xc4:
        return this.#byteString(this.#unsigned(1, 0));
      case 0xc5:
        return this.#byteString(this.#unsigned(2, 0x100));
      case 0xc6:
        return this.#byteString(this.#unsigned(4, 0x10000));
      case 0xcc:
        return this.#integer(1, 0x80);
      case 0xcd:
        return this.#integer(2, 0x100);
      case 0xce:
        return this.#integer(4, 0x10000);
      case 0xd9:
        return this.#text(this.#unsigned(1, 0x20));
      case 0xda:
        return this.#text(this.#unsigned(2, 0x100));
      case 0xdb:
        return this.#text(this.#unsigned(4, 0x10000));
      case 0xdc:
        return this.#array(this.#unsigned(2, 0x10), depth);
      case 0xdd:
        return this.#array(this.#unsigned(4, 0x10000), depth);
      default:
        return REFUSED;
    }
  }

  /** The big-endian integer that follows; -1 when it is cut off or would have fitted a shorter head. */
  #unsigned(width: number, minimum: number): number {
    const bytes = this.#bytes;
    if (width > bytes.length - this.offset) return -1;
    let size = 0;
    for (let i = 0; i < width; i += 1) size = size * 256 + (bytes[this.offset + i] ?? 0);
    this.offset += width;
    return size < minimum ? -1 : size;
  }

  #integer(width: number, minimum: number): number | undefined {
    const value = this.#unsigned(width, minimum);
    return value < 0 ? REFUSED : value;
  }

  #holds(size: number): boolean {
    return size >= 0 && size <= this.#bytes.length - this.offset;
  }

  #byteString(size: number): Uint8Array | undefined {
    if (!this.#holds(size)) return REFUSED;
    const start = this.offset;
    this.offset += size;
    return this.#bytes.subarray(start, this.offset);
  }

  #text(size: number): string | undefined {
    if (!this.#holds(size)) return REFUSED;
    const start = this.offset;
    this.offset += size;
    if (size === 0) return '';
    try {
      return utf8Decoder.decode(this.#bytes.subarray(start, this.offset));
    } catch {
      return REFUSED;
    }
  }

  #array(size: number, depth: number): readonly Wire[] | undefined {
    if (size === 0) return EMPTY;
    if (depth === MAX_DEPTH || !this.#holds(size)) return REFUSED;
    const items: Wire[] = [];
    for (let i = 0; i < size; i += 1) {
      const item = this.value(depth + 1);
      if (item === undefined) return REFUSED;
      items.push(item);
    }
    return items;
  }
}

/** The one value that the bytes canonically encode; undefined when they do not. Byte strings alias the input. */
export const readWire = (bytes: Uint8Array): Wire | undefined => {
  const reader = new WireReader(bytes);
  const value = reader.value(0);
  return reader.offset === bytes.length ? value : undefined;
};

/** Whether the bytes are exactly one canonical value of the subset. */
export const isCanonicalWire = (bytes: Uint8Array): boolean => readWire(bytes) !== undefined;

const FIRST_CAPACITY_BYTES = 64 * 1024;
const KEPT_CAPACITY_BYTES = 1024 * 1024;
const WIDEST_CHARACTER = 3;
const LONGEST_HEADER = 5;

/** Heads of one type by width: up to `inline` in the head itself, then one byte, two bytes, four bytes; 0 = none. */
type Heads = readonly [first: number, inline: number, one: number, two: number, four: number];
const INTEGER: Heads = [0x00, 0x7f, 0xcc, 0xcd, 0xce];
const BYTES: Heads = [0, -1, 0xc4, 0xc5, 0xc6];
const TEXT: Heads = [0xa0, 0x1f, 0xd9, 0xda, 0xdb];
const ARRAY: Heads = [0x90, 0x0f, 0, 0xdc, 0xdd];

const headerBytes = ([, inline, one]: Heads, size: number): number => {
  if (size <= inline) return 1;
  if (one !== 0 && size <= 0xff) return 2;
  return size <= 0xffff ? 3 : LONGEST_HEADER;
};

class WireWriter {
  #buffer = new Uint8Array(FIRST_CAPACITY_BYTES);
  #offset = 0;

  /** The bytes of one value; what was written is wiped, since secrets are encoded here too. */
  take(value: Wire): Uint8Array {
    try {
      this.#write(value);
      const bytes = newBytes(this.#offset);
      bytes.set(this.#buffer.subarray(0, this.#offset));
      return bytes;
    } finally {
      if (this.#buffer.length > KEPT_CAPACITY_BYTES) this.#buffer = new Uint8Array(FIRST_CAPACITY_BYTES);
      else this.#buffer.fill(0, 0, this.#offset);
      this.#offset = 0;
    }
  }

  #write(value: Wire): void {
    if (typeof value === 'number') {
      this.#reserve(LONGEST_HEADER);
      this.#header(INTEGER, value);
    } else if (typeof value === 'string') this.#text(value);
    else if (value instanceof Uint8Array) this.#byteString(value);
    else {
      this.#reserve(LONGEST_HEADER);
      this.#header(ARRAY, value.length);
      for (const item of value) this.#write(item);
    }
  }

  #byteString(value: Uint8Array): void {
    this.#reserve(LONGEST_HEADER + value.length);
    this.#header(BYTES, value.length);
    this.#buffer.set(value, this.#offset);
    this.#offset += value.length;
  }

  /** Text goes behind the header that fits if it is ASCII, and moves when its bytes need a wider one. */
  #text(value: string): void {
    this.#reserve(LONGEST_HEADER + WIDEST_CHARACTER * value.length);
    const buffer = this.#buffer;
    const guess = this.#offset + headerBytes(TEXT, value.length);
    const { written } = encoder.encodeInto(value, buffer.subarray(guess));
    const start = this.#offset + headerBytes(TEXT, written);
    if (start !== guess) buffer.copyWithin(start, guess, guess + written);
    this.#header(TEXT, written);
    this.#offset += written;
  }

  #header(heads: Heads, size: number): void {
    const [first, , one, two, four] = heads;
    const buffer = this.#buffer;
    const at = this.#offset;
    const width = headerBytes(heads, size);
    this.#offset = at + width;
    if (width === 1) buffer[at] = first + size;
    else if (width === 2) {
      buffer[at] = one;
      buffer[at + 1] = size;
    } else if (width === 3) {
      buffer[at] = two;
      buffer[at + 1] = size >>> 8;
      buffer[at + 2] = size;
    } else {
      buffer[at] = four;
      buffer[at + 1] = size >>> 24;
      buffer[at + 2] = size >>> 16;
      buffer[at + 3] = size >>> 8;
      buffer[at + 4] = size;
    }
  }

  #reserve(size: number): void {
    const needed = this.#offset + size;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(2 * needed);
    larger.set(this.#buffer.subarray(0, this.#offset));
    this.#buffer = larger;
  }
}

const writer = new WireWriter();

/** The canonical bytes of a value, which is the caller's own: integers are in range, texts are well-formed. */
export const writeWire = (value: Wire): Uint8Array => writer.take(value);
