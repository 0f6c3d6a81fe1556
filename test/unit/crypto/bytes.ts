/** Byte helpers of the cryptographic tests. */

/** Lowercase hexadecimal digits. */
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Bytes of hexadecimal digits. */
export const unhex = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, 'hex'));

/** `length` bytes counting up from `start`. */
export const pattern = (length: number, start = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => start + i);
