/**
 * One declaration per message: a codec that gives the type, the canonical bytes and the strict decoder.
 *
 * Encoding is MessagePack with positional arrays only (docs/adr/0002, wire.ts); integers that may pass 2^32 travel as
 * 8-byte big-endian byte strings; hashes and keys as raw bytes. `decode` refuses every byte string that `encode` would
 * not produce. Signatures and hashes are made over received bytes or hand-laid preimages, never over a re-encoding.
 */
import { protocolErrors } from './errors.ts';
import { fromHex, newBytes, toHex, u64Bytes, utf8Length } from './hex.ts';
import { type Wire, WireReader, writeWire } from './wire.ts';

/** Two-way translation between a value in memory and its wire form. */
export interface Codec<T> {
  toWire(value: T): Wire;
  /** Reads the next value. Throws MALFORMED_MESSAGE naming `path` when it is not one that `toWire` produces. */
  read(reader: WireReader, path: string): T;
}

/** The type that a codec carries. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

const malformed = (path: string): never => {
  throw protocolErrors.error('MALFORMED_MESSAGE', { path });
};

/** Canonical bytes of a value. */
export const encode = <T>(codec: Codec<T>, value: T): Uint8Array => writeWire(codec.toWire(value));

/**
 * Decodes exactly one canonical message of at most `maxBytes`.
 * Throws MESSAGE_TOO_LARGE or MALFORMED_MESSAGE; allocates nothing in proportion to claimed lengths.
 */
export const decode = <T>(codec: Codec<T>, bytes: Uint8Array, maxBytes: number): T => {
  if (bytes.length > maxBytes) throw protocolErrors.error('MESSAGE_TOO_LARGE', { sizeBytes: bytes.length, maxBytes });
  const reader = new WireReader(bytes);
  const value = codec.read(reader, '');
  return reader.atEnd ? value : malformed('bytes');
};

const unsigned = (maximum: number): Codec<number> => ({
  toWire: (value) => {
    if (!Number.isInteger(value) || value < 0 || value > maximum) return malformed('integer');
    return value;
  },
  read: (reader, path) => {
    const value = reader.integer();
    return value === undefined || value > maximum ? malformed(path) : value;
  },
});

/** Integers 0 to 255. */
export const u8 = unsigned(0xff);
/** Integers 0 to 65,535. */
export const u16 = unsigned(0xffff);
/** Integers 0 to 2^32 − 1. */
export const u32 = unsigned(0xffffffff);

/** Integers 0 to 2^53 − 1 as 8 big-endian bytes. */
export const u64: Codec<number> = {
  toWire: (value) => {
    if (!Number.isSafeInteger(value) || value < 0) return malformed('integer');
    return u64Bytes(value);
  },
  read: (reader, path) => {
    const wire = reader.byteString();
    if (wire?.length !== 8) return malformed(path);
    let value = 0;
    for (let i = 0; i < 8; i += 1) value = value * 0x100 + (wire[i] ?? 0);
    return Number.isSafeInteger(value) ? value : malformed(path);
  },
};

/** A truth value as 0 or 1. */
export const bool: Codec<boolean> = {
  toWire: (value) => (value ? 1 : 0),
  read: (reader, path) => {
    const value = reader.integer();
    return value === 1 ? true : value === 0 ? false : malformed(path);
  },
};

/** A decoded byte string of its own: it neither changes with the message nor keeps it in memory. */
const copied = (wire: Uint8Array): Uint8Array => {
  const bytes = newBytes(wire.length);
  bytes.set(wire);
  return bytes;
};

/** The next value, a byte string of the message whose length holds. */
const readBytes = (reader: WireReader, path: string, holds: (length: number) => boolean): Uint8Array => {
  const wire = reader.byteString();
  return wire !== undefined && holds(wire.length) ? wire : malformed(path);
};

/** Exactly `length` bytes. */
export const bytes = (length: number): Codec<Uint8Array> => ({
  toWire: (value) => (value.length === length ? value : malformed('bytes')),
  read: (reader, path) => copied(readBytes(reader, path, (size) => size === length)),
});

/** Up to `maximum` bytes. */
export const byteString = (maximum: number): Codec<Uint8Array> => ({
  toWire: (value) => (value.length <= maximum ? value : malformed('bytes')),
  read: (reader, path) => copied(readBytes(reader, path, (size) => size <= maximum)),
});

/** Exactly `length` bytes, held in memory as lowercase hexadecimal digits. */
export const hex = (length: number): Codec<string> => ({
  toWire: (value) => {
    const raw = fromHex(value);
    return raw.length === length ? raw : malformed('hex');
  },
  read: (reader, path) => toHex(readBytes(reader, path, (size) => size === length)),
});

/** Up to `maximum` bytes, held in memory as lowercase hexadecimal digits. */
export const hexString = (maximum: number): Codec<string> => ({
  toWire: (value) => {
    const raw = fromHex(value);
    return raw.length <= maximum ? raw : malformed('hex');
  },
  read: (reader, path) => toHex(readBytes(reader, path, (size) => size <= maximum)),
});

/** Well-formed text of at most `maxBytes` bytes of UTF-8. */
export const text = (maxBytes: number): Codec<string> => ({
  toWire: (value) => (value.isWellFormed() && fits(value, maxBytes) ? value : malformed('text')),
  read: (reader, path) => {
    const value = reader.text();
    return value !== undefined && fits(value, maxBytes) ? value : malformed(path);
  },
});

/** Whether a text takes at most `maxBytes` of UTF-8; measured only when its length leaves that open. */
const fits = (value: string, maxBytes: number): boolean =>
  value.length <= maxBytes && (3 * value.length <= maxBytes || utf8Length(value) <= maxBytes);

/** At most `maximum` items of one kind. */
export const list = <T>(item: Codec<T>, maximum: number): Codec<readonly T[]> => ({
  toWire: (values) => (values.length <= maximum ? values.map((value) => item.toWire(value)) : malformed('list')),
  read: (reader, path) => {
    const size = reader.arraySize();
    if (size === undefined || size > maximum) return malformed(path);
    const itemPath = `${path}[]`;
    const values: T[] = [];
    for (let i = 0; i < size; i += 1) values.push(item.read(reader, itemPath));
    return values;
  },
});

/** A value or nothing: an array of one or no element. */
export const optional = <T>(item: Codec<T>): Codec<T | undefined> => ({
  toWire: (value) => (value === undefined ? [] : [item.toWire(value)]),
  read: (reader, path) => {
    const size = reader.arraySize();
    if (size === undefined || size > 1) return malformed(path);
    return size === 0 ? undefined : item.read(reader, path);
  },
});

/** The object type that a table of field codecs describes. */
export type Struct<F extends Record<string, Codec<unknown>>> = { readonly [K in keyof F]: Infer<F[K]> };

interface StructField {
  readonly name: string;
  readonly codec: Codec<unknown>;
  readonly path: string;
}

/** An object with named fields, as a positional array in declaration order. */
// biome-ignore lint/suspicious/noExplicitAny: the constraint of a heterogeneous table of codecs
export const struct = <F extends Record<string, Codec<any>>>(fields: F): Codec<Struct<F>> => {
  const entries = Object.entries(fields).map(([name, codec]): StructField => ({ name, codec, path: `.${name}` }));
  return {
    toWire: (value) => {
      const wire: Wire[] = [];
      for (const { name, codec } of entries) wire.push(codec.toWire((value as Record<string, unknown>)[name]));
      return wire;
    },
    read: (reader, path) => {
      if (reader.arraySize() !== entries.length) return malformed(path);
      const value: Record<string, unknown> = {};
      for (const field of entries)
        value[field.name] = field.codec.read(reader, path === '' ? field.name : path + field.path);
      return value as Struct<F>;
    },
  };
};

// biome-ignore lint/suspicious/noExplicitAny: the constraint of a heterogeneous table of codecs
type Variants = Record<string, readonly [tag: number, codec: Codec<any>]>;

/** The discriminated union that a table of variants describes; `kind` names the variant. */
export type Union<V extends Variants> = {
  [K in keyof V & string]: { readonly kind: K } & Infer<V[K][1]>;
}[keyof V & string];

/** One of several kinds of object, as `[tag, body]`. */
export const union = <V extends Variants>(variants: V): Codec<Union<V>> => {
  const byTag = new Map(Object.entries(variants).map(([kind, [tag, codec]]) => [tag, { kind, codec }]));
  return {
    toWire: (value) => {
      const variant = variants[value.kind];
      return variant === undefined ? malformed('kind') : [variant[0], variant[1].toWire(value)];
    },
    read: (reader, path) => {
      if (reader.arraySize() !== 2) return malformed(path);
      const variant = byTag.get(reader.integer() ?? -1);
      if (variant === undefined) return malformed(`${path}.kind`);
      return { kind: variant.kind, ...variant.codec.read(reader, `${path}.${variant.kind}`) } as Union<V>;
    },
  };
};

/** A codec over another one, with a translation; the inner decode function may throw through `malformed`. */
export const mapped = <T, U>(inner: Codec<T>, fromInner: (value: T) => U, toInner: (value: U) => T): Codec<U> => ({
  toWire: (value) => inner.toWire(toInner(value)),
  read: (reader, path) => fromInner(inner.read(reader, path)),
});

/** The same codec under a branded type. */
export const branded = <B>(inner: Codec<string> | Codec<number> | Codec<Uint8Array>): Codec<B> =>
  inner as unknown as Codec<B>;

/** The same codec with a further condition on the decoded value. */
export const refined = <T>(inner: Codec<T>, holds: (value: T) => boolean): Codec<T> => ({
  toWire: (value) => (holds(value) ? inner.toWire(value) : malformed('condition')),
  read: (reader, path) => {
    const value = inner.read(reader, path);
    return holds(value) ? value : malformed(path);
  },
});
