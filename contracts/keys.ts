/**
 * Order-preserving encoding of typed key parts into one string, compared by UTF-16 code units.
 * A string part is `"` + escaped text + U+0001; a number part is `#` + digit count + base-32 digits.
 * Hence no encoded part is a prefix of another, shorter strings sort first, and numbers sort by value.
 * The characters U+0000 to U+0002 inside a string become U+0002 followed by U+0003 to U+0005.
 */

/** One part of a key: text, or an integer from 0 to 2^53 - 1. */
export type KeyPart = string | number;

/** Keys of audit logs start with this; such writes may survive a refusal (see `refuse`). State names never do. */
export const AUDIT_KEY_PREFIX = '!';

/** Sorts after every encoded part and before nothing else: the exclusive end of a prefix range. */
export const RANGE_END = '$';

const TERMINATOR = '\u0001';
const ESCAPE = '\u0002';
const DIGIT_COUNT_BASE = 0x40;
const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these three are exactly the characters that need escaping
const RESERVED = /[\u0000-\u0002]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const RESERVED_ALL = /[\u0000-\u0002]/g;

/** Checks the name of a state collection and returns the prefix all of its keys start with. */
export function keyspace(name: string, kind = ''): string {
  if (!NAME_PATTERN.test(name)) throw new TypeError(`State name '${name}' must match ${NAME_PATTERN.source}.`);
  return kind + name + TERMINATOR;
}

function encodeText(text: string): string {
  const safe = RESERVED.test(text)
    ? text.replace(RESERVED_ALL, (character) => ESCAPE + String.fromCharCode(character.charCodeAt(0) + 3))
    : text;
  return `"${safe}${TERMINATOR}`;
}

function encodeNumber(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('A key number is an integer from 0 to 2^53 - 1.');
  const digits = value.toString(32);
  return `#${String.fromCharCode(DIGIT_COUNT_BASE + digits.length)}${digits}`;
}

/** Encodes leading parts of a key. */
export function encodeParts(parts: readonly KeyPart[]): string {
  let encoded = '';
  for (const part of parts) {
    if (typeof part === 'string') encoded += encodeText(part);
    else if (typeof part === 'number') encoded += encodeNumber(part);
    else throw new TypeError('A key part is a string or a number.');
  }
  return encoded;
}

function unescapeText(text: string): string {
  let plain = '';
  let start = 0;
  for (let at = text.indexOf(ESCAPE); at >= 0; at = text.indexOf(ESCAPE, start)) {
    plain += text.slice(start, at) + String.fromCharCode(text.charCodeAt(at + 1) - 3);
    start = at + 2;
  }
  return plain + text.slice(start);
}

/** Decodes what `encodeParts` wrote, starting at an offset. */
export function decodeParts(encoded: string, offset: number): KeyPart[] {
  const parts: KeyPart[] = [];
  let at = offset;
  while (at < encoded.length) {
    if (encoded[at] === '"') {
      const end = encoded.indexOf(TERMINATOR, at);
      const text = encoded.slice(at + 1, end);
      parts.push(text.includes(ESCAPE) ? unescapeText(text) : text);
      at = end + 1;
    } else {
      const end = at + 2 + encoded.charCodeAt(at + 1) - DIGIT_COUNT_BASE;
      parts.push(Number.parseInt(encoded.slice(at + 2, end), 32));
      at = end;
    }
  }
  return parts;
}
