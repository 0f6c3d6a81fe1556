/**
 * The forms in which a text could leave by mistake: raw, hexadecimal in both cases, base64 and base64url at each of the
 * three alignments, UTF-16 in both byte orders. A form at an alignment keeps only the digits that the text alone decides.
 */

/** Name of a form. */
export type EncodingName = 'raw' | 'hex' | 'HEX' | 'base64' | 'base64url' | 'utf16le' | 'utf16be';

/** One byte pattern of a text. */
export interface EncodedForm {
  readonly encoding: EncodingName;
  readonly bytes: Uint8Array;
}

/** Every distinct form of a text (RFC 4648 §4, §5 and §8 for the digits). */
export function encodedForms(text: string): readonly EncodedForm[] {
  const raw = Buffer.from(text, 'utf8');
  const hex = raw.toString('hex');
  const wide = Buffer.from(text, 'utf16le');
  const forms: EncodedForm[] = [
    { encoding: 'raw', bytes: raw },
    { encoding: 'hex', bytes: Buffer.from(hex) },
    { encoding: 'utf16le', bytes: wide },
    { encoding: 'utf16be', bytes: Buffer.from(wide).swap16() },
  ];
  if (hex.toUpperCase() !== hex) forms.push({ encoding: 'HEX', bytes: Buffer.from(hex.toUpperCase()) });
  for (const before of [0, 1, 2]) {
    const digits = base64At(raw, before);
    forms.push({ encoding: 'base64', bytes: Buffer.from(digits) });
    const urlDigits = digits.replaceAll('+', '-').replaceAll('/', '_');
    if (urlDigits !== digits) forms.push({ encoding: 'base64url', bytes: Buffer.from(urlDigits) });
  }
  return forms;
}

/** Base64 digits of a text that stands after `before` unknown bytes, without the digits that neighbours share. */
function base64At(raw: Uint8Array, before: number): string {
  const digits = Buffer.concat([Buffer.alloc(before), raw])
    .toString('base64')
    .replaceAll('=', '');
  const firstOwn = Math.ceil((before * 8) / 6);
  const endOwn = Math.floor(((before + raw.length) * 8) / 6);
  return digits.slice(firstOwn, endOwn);
}
