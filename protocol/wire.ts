/**
 * The canonical subset of MessagePack: unsigned integers below 2^32, UTF-8 strings, byte strings and arrays, each with
 * the shortest header, nested at most MAX_DEPTH deep, no trailing bytes.
 *
 * msgpackr writes it. Its decoder is not injective and has no depth limit, so foreign bytes are read by the strict
 * reader here. Codecs drive it value by value: a tree of everything would take up to 170 times the bytes of a message
 * that is nothing but small arrays, before anybody looks at its shape.
 *
 * Invariant: reading and writing are inverse; every byte string that the writer does not produce is refused while it is
 * read. Nothing is allocated in proportion to claimed lengths. Byte strings that were read alias the input.
 */
import { Packr } from 'msgpackr/pack';
import { newBytes } from './hex.ts';

/** What travels: the canonical subset of MessagePack. */
export type Wire = number | string | Uint8Array | readonly Wire[];

/** Deepest nesting of arrays in any message. */
const MAX_DEPTH = 12;

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a reader returns for bytes that are not canonical; no value of the subset is undefined. */
const REFUSED = undefined;
const EMPTY: readonly Wire[] = [];
/** The one head that MessagePack leaves unused. */
const UNUSED_HEAD = 0xc1;

/**
 * Reads canonical values one after the other, each as what the caller expects: undefined where the next one is anything
 * else. Nothing is kept of what was read, so a message costs what its decoder makes of it, and no more.
 */
export class WireReader {
  readonly #bytes: Uint8Array;
  offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Whether everything was read. */
  get atEnd(): boolean {
    return this.offset === this.#bytes.length;
  }

  /** The next value as an integer. */
  integer(): number | undefined {
    const head = this.#head();
    if (head <= 0x7f) return head;
    if (head === 0xcc) return this.#integer(1, 0x80);
    if (head === 0xcd) return this.#integer(2, 0x100);
    return head === 0xce ? this.#integer(4, 0x10000) : REFUSED;
  }

  /** The next value as a byte string, which aliases the input. */
  byteString(): Uint8Array | undefined {
    const head = this.#head();
    if (head === 0xc4) return this.#byteString(this.#unsigned(1, 0));
    if (head === 0xc5) return this.#byteString(this.#unsigned(2, 0x100));
    return head === 0xc6 ? this.#byteString(this.#unsigned(4, 0x10000)) : REFUSED;
  }

  /** The next value as text. */
  text(): string | undefined {
    const head = this.#head();
    if (head >= 0xa0 && head <= 0xbf) return this.#text(head - 0xa0);
    if (head === 0xd9) return this.#text(this.#unsigned(1, 0x20));
    if (head === 0xda) return this.#text(this.#unsigned(2, 0x100));
    return head === 0xdb ? this.#text(this.#unsigned(4, 0x10000)) : REFUSED;
  }

  /** Number of items of the next value, an array; they follow. */
  arraySize(): number | undefined {
    const head = this.#head();
    if (head >= 0x90 && head <= 0x9f) return head - 0x90;
    const size = head === 0xdc ? this.#unsigned(2, 0x10) : head === 0xdd ? this.#unsigned(4, 0x10000) : -1;
    return size < 0 ? REFUSED : size;
  }

  /** The next byte; one that is never used at the end. */
  #head(): number {
    const head = this.#bytes[this.offset] ?? UNUSED_HEAD;
    this.offset += 1;
    return head;
  }

  /** The next value, whatever it is, as a tree. */
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
  return reader.atEnd ? value : undefined;
};

/** Whether the bytes are exactly one canonical value of the subset. */
export const isCanonicalWire = (bytes: Uint8Array): boolean => readWire(bytes) !== undefined;

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  structuredClone: false,
  moreTypes: false,
});

/** The canonical bytes of a value, which is the caller's own: integers are in range, texts are well-formed. */
export const writeWire = (value: Wire): Uint8Array => {
  const packed = packr.pack(value);
  // A copy of its own: the packer's buffer is shared by many messages and would live as long as any of them.
  const bytes = newBytes(packed.length);
  bytes.set(packed);
  return bytes;
};
