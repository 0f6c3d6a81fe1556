/**
 * Order-preserving encoding of typed key parts into one string, compared by UTF-16 code units.
 * A string part is `"` + text + U+0000; a number part is `#` + digit count + base-32 digits. U+0000 inside a string is
 * followed by U+FFFF, which no part begins with. Hence no encoded part is a prefix of another, shorter strings sort
 * first, and numbers sort by value (the scheme of FoundationDB's tuple layer: one character to look for, not three).
 */

/** One part of a key: text, or an integer from 0 to 2^53 - 1. */
export type KeyPart = string | number;

/** Keys of audit logs start with this; such writes may survive a refusal (see `refuse`). State names never do. */
export const AUDIT_KEY_PREFIX = '!';

/** Sorts after every encoded part and before nothing else: the exclusive end of a prefix range. */
export const RANGE_END = '$';

const TERMINATOR = '\u0000';
const ESCAPED = '\u0000\uffff';
const DIGIT_COUNT_BASE = 0x40;
const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** Checks the name of a state collection and returns the prefix all of its keys start with. */
export function keyspace(name: string, kind = ''): string {
  if (!NAME_PATTERN.test(name)) throw new TypeError(`State name '${name}' must match ${NAME_PATTERN.source}.`);
  return kind + name + TERMINATOR;
}

/** Joined by `+`: a template literal is a method call in the interpreter and costs three times as much. */
function encodeText(text: string): string {
  const safe = text.includes(TERMINATOR) ? text.replaceAll(TERMINATOR, ESCAPED) : text;
  return '"' + safe + TERMINATOR;
}

function encodeNumber(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('A key number is an integer from 0 to 2^53 - 1.');
  const digits = value.toString(32);
  return `#${String.fromCharCode(DIGIT_COUNT_BASE + digits.length)}${digits}`;
}

/** Encodes leading parts of a key. */
export function encodeParts(parts: readonly KeyPart[]): string {
  let encoded = '';
  for (let index = 0; index < parts.length; index += 1) {
    const part = parts[index];
    if (typeof part === 'string') encoded += encodeText(part);
    else if (typeof part === 'number') encoded += encodeNumber(part);
    else throw new TypeError('A key part is a string or a number.');
  }
  return encoded;
}

/** Index of the terminator of a text part that starts at `start`. */
function endOfText(encoded: string, start: number): number {
  let end = encoded.indexOf(TERMINATOR, start);
  while (encoded[end + 1] === ESCAPED[1]) end = encoded.indexOf(TERMINATOR, end + 2);
  return end;
}

/** Decodes what `encodeParts` wrote, starting at an offset. */
export function decodeParts(encoded: string, offset: number): KeyPart[] {
  const parts: KeyPart[] = [];
  let at = offset;
  while (at < encoded.length) {
    if (encoded[at] === '"') {
      const end = endOfText(encoded, at + 1);
      parts.push(encoded.slice(at + 1, end).replaceAll(ESCAPED, TERMINATOR));
      at = end + 1;
    } else {
      const end = at + 2 + encoded.charCodeAt(at + 1) - DIGIT_COUNT_BASE;
      parts.push(Number.parseInt(encoded.slice(at + 2, end), 32));
      at = end;
    }
  }
  return parts;
}
