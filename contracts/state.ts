/**
 * Typed views on a contract's state: maps with range scans, single values, counters. Nothing is cached, so a view is
 * always what the runtime holds; a call's writes are kept only if the call succeeds. Writes in a query end the query.
 */
import { hostCall, hostOperations } from './host-calls.ts';
import { stateJson } from './json.ts';
import { decodeParts, keyspace, RANGE_END, type KeyPart } from './keys.ts';

/** How values are kept: JSON text (default), decimal text of a bigint, or the string itself. */
export type ValueKind = 'json' | 'bigint' | 'string';

/** Leading parts of a key, none to all of them. */
export type LeadingParts<K extends readonly KeyPart[]> = K extends readonly [
  ...infer Rest extends readonly KeyPart[],
  KeyPart,
]
  ? Readonly<K> | LeadingParts<Rest>
  : readonly [];

/** A range of a map. All bounds are leading parts of a key; `from` is inclusive, `to` exclusive. */
export interface EntryRange<K extends readonly KeyPart[]> {
  readonly prefix?: LeadingParts<K>;
  readonly from?: LeadingParts<K>;
  readonly to?: LeadingParts<K>;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** An ordered map in contract state. Keys sort part by part: numbers by value, strings by UTF-16 code units. */
export interface StateMap<K extends readonly KeyPart[], V> {
  get(...key: K): V | undefined;
  has(...key: K): boolean;
  set(...keyAndValue: [...key: K, value: V]): void;
  delete(...key: K): void;
  entries(range?: EntryRange<K>): IterableIterator<[K, V]>;
}

/** A single value in contract state. */
export interface StateValue<V> {
  get(): V | undefined;
  set(value: V): void;
}

/** A whole number in contract state that starts at 0. */
export interface StateCounter {
  get(): number;
  /** Adds (1 unless told) and returns the new value. */
  add(amount?: number): number;
}

const PAGE = 256;

function encoder(kind: ValueKind): (value: unknown) => string {
  if (kind === 'json') return stateJson;
  return (value) => {
    if (typeof value !== kind) throw new TypeError(`This state holds values of type ${kind}.`);
    return String(value);
  };
}

function decoder(kind: ValueKind): (text: string) => unknown {
  if (kind === 'json') return (text) => JSON.parse(text) as unknown;
  return kind === 'bigint' ? BigInt : (text) => text;
}

/** Unpacks a scan reply: comma-separated lengths of keys and values, a line feed, then all of them joined. */
function unpackScan(reply: string): string[] {
  const headerEnd = reply.indexOf('\n');
  if (headerEnd <= 0) return [];
  let at = headerEnd + 1;
  return reply
    .slice(0, headerEnd)
    .split(',')
    .map((length) => {
      const start = at;
      at += Number(length);
      return reply.slice(start, at);
    });
}

function* scanPages(
  from: string,
  to: string,
  limit: number,
  reverse: boolean,
): IterableIterator<readonly [string, string]> {
  let [low, high, left] = [from, to, limit];
  while (left > 0 && low < high) {
    const asked = Math.min(left, PAGE);
    const flat = unpackScan(hostCall(hostOperations.scan, low, high, asked, reverse) ?? '');
    for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i] ?? '', flat[i + 1] ?? ''];
    const count = flat.length / 2;
    if (count < asked) return;
    left -= count;
    const last = flat[flat.length - 2] ?? '';
    // The successor of a string in code-unit order is the string followed by U+0000.
    if (reverse) high = last;
    else low = `${last}\u0000`;
  }
}

type EntryOperation = typeof hostOperations.get | typeof hostOperations.remove | typeof hostOperations.key;

/** Asks about one entry. Spreading a call costs the interpreter as much as a look-up: keys of one or two parts do not. */
function onEntry(operation: EntryOperation, space: string, key: readonly KeyPart[]): string | undefined {
  if (key.length === 1) return hostCall(operation, space, key[0]);
  if (key.length === 2) return hostCall(operation, space, key[0], key[1]);
  return hostCall(operation, space, ...key);
}

function setEntry(space: string, value: string, key: readonly KeyPart[]): void {
  if (key.length === 1) hostCall(hostOperations.set, space, value, key[0]);
  else if (key.length === 2) hostCall(hostOperations.set, space, value, key[0], key[1]);
  else hostCall(hostOperations.set, space, value, ...key);
}

/** A map whose keys start with `space`; used by every collection of the SDK. */
export function mapIn<K extends readonly KeyPart[], V>(space: string, kind: ValueKind): StateMap<K, V> {
  const encode = encoder(kind);
  const decode = decoder(kind);
  return {
    get(...key) {
      const text = onEntry(hostOperations.get, space, key);
      return text === undefined ? undefined : (decode(text) as V);
    },
    has: (...key) => onEntry(hostOperations.get, space, key) !== undefined,
    set(...keyAndValue) {
      const value: unknown = keyAndValue.pop();
      setEntry(space, encode(value), keyAndValue as readonly unknown[] as readonly KeyPart[]);
    },
    delete(...key) {
      onEntry(hostOperations.remove, space, key);
    },
    *entries(range = {}) {
      const bound = (parts: readonly KeyPart[]): string => onEntry(hostOperations.key, space, parts) ?? '';
      const lowest = bound(range.prefix ?? []);
      const highest = lowest + RANGE_END;
      let from = range.from === undefined ? lowest : bound(range.from);
      let to = range.to === undefined ? highest : bound(range.to);
      if (from < lowest) from = lowest;
      if (to > highest) to = highest;
      const rows = scanPages(from, to, range.limit ?? Number.MAX_SAFE_INTEGER, range.reverse === true);
      for (const [key, text] of rows)
        yield [decodeParts(key, space.length) as readonly KeyPart[] as K, decode(text) as V];
    },
  };
}

/**
 * Declares an ordered map: `stateMap<[token: string, holder: string], bigint>('balances', { value: 'bigint' })`.
 * Names are unique within a contract.
 */
export function stateMap<K extends readonly KeyPart[], V>(
  name: string,
  options: { readonly value?: ValueKind } = {},
): StateMap<K, V> {
  return mapIn(keyspace(name), options.value ?? 'json');
}

/** Declares a single value. */
export function stateValue<V>(name: string, options: { readonly value?: ValueKind } = {}): StateValue<V> {
  const map = mapIn<[], V>(keyspace(name), options.value ?? 'json');
  return { get: () => map.get(), set: (value) => map.set(value) };
}

/** Declares a counter. */
export function stateCounter(name: string): StateCounter {
  const map = mapIn<[], number>(keyspace(name), 'json');
  const get = (): number => map.get() ?? 0;
  return {
    get,
    add(amount = 1) {
      const next = get() + amount;
      if (!Number.isSafeInteger(next)) throw new RangeError('A counter stays within 2^53 - 1.');
      map.set(next);
      return next;
    },
  };
}
