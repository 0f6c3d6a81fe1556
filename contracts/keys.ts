/**
 * Names of state collections, and the parts of a key as a range scan gives them back. The runtime joins parts into one
 * string that sorts part by part (enclave/runtime/vm/key-parts.ts says how); this file is the way back.
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

/** Index of the terminator of a text part that starts at `start`. */
function endOfText(encoded: string, start: number): number {
  let end = encoded.indexOf(TERMINATOR, start);
  while (encoded[end + 1] === ESCAPED[1]) end = encoded.indexOf(TERMINATOR, end + 2);
  return end;
}

/** The parts of a key that the runtime has joined, from an offset on. */
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
