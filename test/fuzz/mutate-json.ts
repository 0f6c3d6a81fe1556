/** Changes of JSON documents that keep most of their structure. */
import type { SeededRandom } from '../support/seeded-random.ts';
import { oneOf } from './campaign.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const VALUES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  0.5,
  4097,
  2 ** 53,
  1e308,
  '',
  'é',
  '\ud800',
  'AB',
  'abc',
  '00',
  [],
  {},
  [[[[]]]],
];
const NAMES = ['extra', '', '__proto__', 'constructor', 'toString', '0'];

const changedText = (random: SeededRandom, text: string): Json => {
  const at = random.integer(text.length + 1);
  switch (random.integer(6)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + oneOf(random, ['0', 'g', ' ', '\0', '=', 'é']) + text.slice(at);
    case 2:
      return text.slice(0, at) + oneOf(random, ['0', 'f', '1']) + text.slice(at + 1);
    case 3:
      return text.toUpperCase();
    case 4:
      return text + text;
    default:
      return oneOf(random, VALUES);
  }
};

const changedItems = (random: SeededRandom, items: readonly Json[]): Json => {
  const at = random.integer(items.length + 1);
  switch (random.integer(4)) {
    case 0:
      return items.toSpliced(at, 1);
    case 1:
      return items.toSpliced(at, 0, items[at] ?? oneOf(random, VALUES));
    case 2:
      return items.toReversed();
    default:
      return oneOf(random, VALUES);
  }
};

const changedFields = (random: SeededRandom, fields: { readonly [name: string]: Json }): Json => {
  const entries = Object.entries(fields);
  const at = random.integer(entries.length + 1);
  switch (random.integer(4)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return Object.fromEntries([...entries, [oneOf(random, NAMES), entries[at]?.[1] ?? oneOf(random, VALUES)]]);
    case 2:
      return Object.fromEntries(entries.toReversed());
    default:
      return oneOf(random, VALUES);
  }
};

/** The document with one node changed, anywhere in it. */
export const mutatedJson = (random: SeededRandom, document: Json): Json => {
  // Nodes nearer to the root are changed more often: what is deep is mostly one long list of digits.
  if (random.integer(3) > 0) {
    if (Array.isArray(document) && document.length > 0) {
      const at = random.integer(document.length);
      return document.with(at, mutatedJson(random, document[at]));
    }
    if (typeof document === 'object' && document !== null) {
      const entries = Object.entries(document);
      const chosen = random.integer(Math.max(1, entries.length));
      const changed = entries.map(([name, value], at) => [name, at === chosen ? mutatedJson(random, value) : value]);
      return Object.fromEntries(changed) as Json;
    }
  }
  if (typeof document === 'string') return changedText(random, document);
  if (typeof document === 'number') return oneOf(random, [...VALUES, document + 1, -document]);
  if (Array.isArray(document)) return changedItems(random, document);
  if (typeof document === 'object' && document !== null)
    return changedFields(random, document as { readonly [name: string]: Json });
  return oneOf(random, VALUES);
};
