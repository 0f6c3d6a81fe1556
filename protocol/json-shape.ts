/**
 * One declaration per JSON document: a shape gives the type, the JSON Schema (for the server's checks and OpenAPI) and
 * the strict reader with which a client judges a foreign answer.
 *
 * Only what the HTTP API needs. Unknown fields are refused; every text and list has a bound.
 */
import { protocolErrors } from './errors.ts';

/** A JSON Schema (draft 2020-12), as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** A kind of JSON value. */
export interface Shape<T> {
  readonly schema: JsonSchema;
  /** Returns the value, or throws MALFORMED_MESSAGE naming `path`. */
  readonly read: (value: unknown, path: string) => T;
}

/** The type that a shape describes. */
export type Shaped<S> = S extends Shape<infer T> ? T : never;

const malformed = (path: string): never => {
  throw protocolErrors.error('MALFORMED_MESSAGE', { path });
};

const checked = <T>(schema: JsonSchema, holds: (value: unknown) => boolean): Shape<T> => ({
  schema,
  read: (value, path) => (holds(value) ? (value as T) : malformed(path)),
});

/** Text of at most `maxLength` characters; `pattern` is anchored by the caller. */
export const jsonText = (maxLength: number, description?: string, pattern?: string): Shape<string> => {
  const expression = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  return checked(
    {
      type: 'string',
      maxLength,
      ...(pattern !== undefined && { pattern }),
      ...(description !== undefined && { description }),
    },
    (value) => typeof value === 'string' && value.length <= maxLength && (expression?.test(value) ?? true),
  );
};

/** Lowercase hexadecimal digits of exactly `bytes` bytes. */
export const jsonHex = <T extends string = string>(bytes: number, description?: string): Shape<T> =>
  jsonText(bytes * 2, description, `^[0-9a-f]{${bytes * 2}}$`) as Shape<string> as Shape<T>;

/** Base64 of at most `maxBytes` bytes; the alphabet is checked when the text is decoded. */
export const jsonBase64 = (maxBytes: number, description?: string): Shape<string> => {
  const maxLength = Math.ceil(maxBytes / 3) * 4;
  return checked(
    { type: 'string', contentEncoding: 'base64', maxLength, ...(description !== undefined && { description }) },
    (value) => typeof value === 'string' && value.length <= maxLength,
  );
};

/** Safe integers from 0. */
export const jsonCount = (description?: string): Shape<number> =>
  checked(
    {
      type: 'integer',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      ...(description !== undefined && { description }),
    },
    (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  );

/** true or false. */
export const jsonFlag = (description?: string): Shape<boolean> =>
  checked(
    { type: 'boolean', ...(description !== undefined && { description }) },
    (value) => typeof value === 'boolean',
  );

/** One of a few words. */
export const jsonWord = <const W extends string>(...words: readonly W[]): Shape<W> =>
  checked(words.length === 1 ? { const: words[0] } : { enum: words }, (value) => words.includes(value as W));

/** Any JSON object, judged elsewhere. */
export const jsonObject = (description: string): Shape<object> =>
  checked(
    { type: 'object', description },
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );

/** A list of `minimum` to `maximum` items. */
export const jsonList = <T>(item: Shape<T>, maximum: number, minimum = 0): Shape<readonly T[]> => ({
  schema: { type: 'array', items: item.schema, minItems: minimum, maxItems: maximum },
  read: (value, path) => {
    if (!Array.isArray(value) || value.length > maximum || value.length < minimum) return malformed(path);
    const itemPath = `${path}[]`;
    return value.map((element: unknown) => item.read(element, itemPath));
  },
});

type Fields = Readonly<Record<string, Shape<unknown>>>;
type Required<F extends Fields> = { readonly [K in keyof F]: Shaped<F[K]> };
type Optional<F extends Fields> = { readonly [K in keyof F]?: Shaped<F[K]> };

/** An object with exactly these fields. */
export const jsonRecord = <R extends Fields, O extends Fields = Record<never, never>>(
  required: R,
  optional?: O,
): Shape<Required<R> & Optional<O>> => {
  const all: Fields = { ...required, ...optional };
  const shapes = new Map(Object.entries(all));
  const names = Object.keys(required);
  const properties = Object.fromEntries(Object.entries(all).map(([name, shape]) => [name, shape.schema]));
  return {
    schema: { type: 'object', properties, required: names, additionalProperties: false },
    read: (value, path) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed(path);
      const source = value as Readonly<Record<string, unknown>>;
      for (const name of names) if (!Object.hasOwn(source, name)) return malformed(`${path}.${name}`);
      const result: Record<string, unknown> = {};
      for (const name of Object.keys(source)) {
        const shape = shapes.get(name);
        if (shape === undefined) return malformed(`${path}.${name}`);
        result[name] = shape.read(source[name], `${path}.${name}`);
      }
      return result as Required<R> & Optional<O>;
    },
  };
};

/** One of several records that a word field tells apart. */
export const jsonChoice = <
  Key extends string,
  V extends Readonly<Record<string, Shape<{ readonly [K in Key]: string }>>>,
>(
  key: Key,
  variants: V,
): Shape<Shaped<V[keyof V]>> => ({
  schema: { oneOf: Object.values(variants).map((variant) => variant.schema) },
  read: (value, path) => {
    const word = (value as Readonly<Record<string, unknown>> | null | undefined)?.[key];
    const variant = typeof word === 'string' && Object.hasOwn(variants, word) ? variants[word] : undefined;
    return variant === undefined ? malformed(`${path}.${key}`) : (variant.read(value, path) as Shaped<V[keyof V]>);
  },
});

/** Strict base64 (RFC 4648 §4, with padding, no spare bits). Throws MALFORMED_MESSAGE. */
export const fromBase64 = (text: string, path = 'base64'): Uint8Array => {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.fromBase64(text, { lastChunkHandling: 'strict' });
  } catch (cause) {
    throw protocolErrors.error('MALFORMED_MESSAGE', { path }, cause);
  }
  return text.length === Math.ceil(bytes.length / 3) * 4 ? bytes : malformed(path);
};

/** Base64 with padding (RFC 4648 §4). */
export const toBase64 = (bytes: Uint8Array): string => bytes.toBase64();
