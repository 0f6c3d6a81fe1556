/**
 * Order-preserving encoding of typed key parts into one string, compared by UTF-16 code units.
 * A string part is `"` + text + U+0000; a number part is `#` + digit count + base-32 digits. U+0000 inside a string is
 * followed by U+FFFF, which no part begins with. Hence no encoded part is a prefix of another, shorter strings sort
 * first, and numbers sort by value (the scheme of FoundationDB's tuple layer: one character to look for, not three).
 * Contracts decode what a scan gives them (contracts/keys.ts); keys are stored in this form: never change it.
 */

const TERMINATOR = '\u0000';
const ESCAPED = '\u0000\uffff';
const DIGIT_COUNT_BASE = 0x40;

/** A text part of a key. */
export function textPart(text: string): string {
  return `"${text.includes(TERMINATOR) ? text.replaceAll(TERMINATOR, ESCAPED) : text}${TERMINATOR}`;
}

/** A number part of a key; undefined when the number is no integer from 0 to 2^53 - 1. */
export function numberPart(value: number): string | undefined {
  if (!Number.isSafeInteger(value) || value < 0) return undefined;
  const digits = value.toString(32);
  return `#${String.fromCharCode(DIGIT_COUNT_BASE + digits.length)}${digits}`;
}
