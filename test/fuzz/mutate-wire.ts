/**
 * Changes of messages that keep most of their structure: values at their bounds, items lost, doubled, moved or taken from
 * elsewhere, nesting, and other encodings of the same value than the canonical one.
 */
import { concatBytes, utf8 } from '../../protocol/hex.ts';
import { readWire, type Wire, writeWire } from '../../protocol/wire.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { oneOf } from './campaign.ts';

type Place = readonly number[];

const INTEGERS = [0, 1, 2, 3, 127, 128, 255, 256, 65_535, 65_536, 0xffffffff];
const TEXTS = ['', 'a', 'é', '😀', '\0', '\uFEFF', '__proto__', 'a'.repeat(31), 'a'.repeat(32), 'a'.repeat(256)];
const SIZES = [0, 1, 7, 8, 9, 16, 31, 32, 33, 63, 64, 65, 255, 256];

/** Every node of a tree, by its path from the root. */
const placesIn = (tree: Wire, here: Place = []): Place[] => [
  here,
  ...(Array.isArray(tree) ? tree.flatMap((item: Wire, index) => placesIn(item, [...here, index])) : []),
];

const nodeAt = (tree: Wire, place: Place): Wire => {
  const [index, ...rest] = place;
  if (index === undefined) return tree;
  return nodeAt((tree as readonly Wire[])[index] as Wire, rest);
};

const replacedAt = (tree: Wire, place: Place, node: Wire): Wire => {
  const [index, ...rest] = place;
  if (index === undefined) return node;
  return (tree as readonly Wire[]).map((item, position) => (position === index ? replacedAt(item, rest, node) : item));
};

const changedBytes = (random: SeededRandom, bytes: Uint8Array): Uint8Array => {
  // Many byte strings are messages themselves.
  const inner = random.integer(2) === 0 ? readWire(bytes) : undefined;
  if (Array.isArray(inner) && inner.length > 0) return writeWire(mutated(random, inner, inner));
  const same = bytes.slice();
  const at = random.integer(Math.max(1, bytes.length));
  switch (random.integer(6)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concatBytes(bytes, Uint8Array.of(random.integer(256)));
    case 2:
      return same.fill(oneOf(random, [0, 0xff]));
    case 3:
      return new Uint8Array(oneOf(random, SIZES)).fill(random.integer(256));
    case 4:
      // Integers of 8 bytes at the end of the safe range.
      return Uint8Array.of(0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff).map((byte, index) =>
        index < 2 ? byte + random.integer(2) : byte,
      );
    default:
      if (bytes.length > 0) same[at] = (same[at] ?? 0) ^ (1 << random.integer(8));
      return same;
  }
};

const changedItems = (random: SeededRandom, items: readonly Wire[], foreign: Wire): Wire => {
  const at = random.integer(items.length + 1);
  const [here, other] = [items[at], items[random.integer(Math.max(1, items.length))]];
  switch (random.integer(8)) {
    case 0:
      return items.toSpliced(at, 1);
    case 1:
      return here === undefined ? [] : items.toSpliced(at, 0, here);
    case 2:
      return items.toReversed();
    case 3:
      return items.toSpliced(at, 0, foreign);
    case 4:
      return [];
    case 5:
      return here === undefined || other === undefined ? [...items, 0] : items.with(at, other);
    case 6:
      return Array.from({ length: oneOf(random, [2, 15, 16, 300]) }, () => other ?? 0);
    default:
      return [items];
  }
};

/** A value with one node changed; `foreign` may take its place. */
export const mutated = (random: SeededRandom, tree: Wire, foreign: Wire): Wire => {
  const place = oneOf(random, placesIn(tree));
  const node = nodeAt(tree, place);
  const others = placesIn(foreign);
  const taken = nodeAt(foreign, oneOf(random, others));
  const change = (): Wire => {
    if (random.integer(6) === 0) return oneOf<Wire>(random, [taken, 0, '', new Uint8Array(0), [], [node]]);
    if (typeof node === 'number') return oneOf(random, [...INTEGERS, node + 1, Math.max(0, node - 1)]);
    if (typeof node === 'string') return oneOf(random, [...TEXTS, `${node}a`, node.slice(1)]);
    return node instanceof Uint8Array ? changedBytes(random, node) : changedItems(random, node, taken);
  };
  return replacedAt(tree, place, change());
};

/** A value with something else in the place of one of its nodes. */
export const planted = (random: SeededRandom, tree: Wire, other: Wire): Wire =>
  replacedAt(tree, oneOf(random, placesIn(tree)), other);

/** Bytes that were cut, lengthened, flipped, or got a head of MessagePack that announces anything. */
export const damaged = (random: SeededRandom, bytes: Uint8Array): Uint8Array => {
  const at = random.integer(bytes.length + 1);
  const same = bytes.slice();
  switch (random.integer(4)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concatBytes(bytes, bytes.slice(at));
    case 2:
      if (at < bytes.length) same[at] = random.integer(256);
      return same;
    default: {
      const head = oneOf(random, [0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xcf, 0xd3, 0xd6, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xdf]);
      const claim = Uint8Array.of(head, 0xff, 0xff, 0xff, 0xff).subarray(0, 1 + random.integer(5));
      return concatBytes(bytes.slice(0, at), claim, bytes.slice(at));
    }
  }
};

const bigEndian = (value: number, width: number): Uint8Array =>
  Uint8Array.from({ length: width }, (_, index) => Math.floor(value / 256 ** (width - 1 - index)) % 256);

/** Heads with the bytes of their size, and the sizes below which a shorter one is canonical. */
type WideHeads = readonly (readonly [head: number, width: number, below: number])[];

const WIDE = {
  integer: [
    [0xcc, 1, 0x80],
    [0xcd, 2, 0x100],
    [0xce, 4, 0x10000],
    [0xcf, 8, Number.MAX_SAFE_INTEGER],
  ],
  text: [
    [0xd9, 1, 0x20],
    [0xda, 2, 0x100],
    [0xdb, 4, 0x10000],
  ],
  bytes: [
    [0xc5, 2, 0x100],
    [0xc6, 4, 0x10000],
  ],
  array: [
    [0xdc, 2, 0x10],
    [0xdd, 4, 0x10000],
  ],
} as const satisfies Record<string, WideHeads>;

const wideHead = (random: SeededRandom, size: number, heads: WideHeads): Uint8Array => {
  const possible = heads.filter(([, , below]) => size < below);
  const [head, width] = oneOf(random, possible);
  return concatBytes(Uint8Array.of(head), bigEndian(size, width));
};

const DOUBLE = 0xcb;
const asDouble = (value: number): Uint8Array => {
  const bytes = new Uint8Array(9);
  bytes[0] = DOUBLE;
  new DataView(bytes.buffer).setFloat64(1, value);
  return bytes;
};

/** A node in another encoding than the canonical one, its items as they are. */
const loosely = (random: SeededRandom, node: Wire, items: readonly Uint8Array[]): Uint8Array => {
  if (typeof node === 'number') return random.integer(4) === 0 ? asDouble(node) : wideHead(random, node, WIDE.integer);
  if (typeof node === 'string') {
    const text = utf8(node);
    return concatBytes(wideHead(random, text.length, WIDE.text), text);
  }
  if (node instanceof Uint8Array) return concatBytes(wideHead(random, node.length, WIDE.bytes), node);
  return concatBytes(wideHead(random, node.length, WIDE.array), ...items);
};

/** The value in which one node has another encoding than the canonical one; `write` gives the canonical bytes. */
export const nonCanonical = (random: SeededRandom, tree: Wire, write: (wire: Wire) => Uint8Array): Uint8Array => {
  const place = oneOf(random, placesIn(tree));
  const laid = (node: Wire, rest: Place): Uint8Array => {
    const [index, ...deeper] = rest;
    if (index === undefined)
      return loosely(random, node, Array.isArray(node) ? node.map((item: Wire) => write(item)) : []);
    const items = (node as readonly Wire[]).map((item, at) => (at === index ? laid(item, deeper) : write(item)));
    const canonical = write(items.map(() => 0));
    return concatBytes(canonical.subarray(0, canonical.length - items.length), ...items);
  };
  return laid(tree, place);
};
