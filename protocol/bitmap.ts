/** Signer bitmaps of certificates: bit i (least significant first) stands for validator i of our own ordered set. */

/** Bitmap of the signers, ⌈validators / 8⌉ bytes. */
export const bitmapOf = (signers: readonly number[], validators: number): Uint8Array => {
  const bitmap = new Uint8Array(Math.ceil(validators / 8));
  for (const signer of signers) bitmap[signer >> 3] = (bitmap[signer >> 3] ?? 0) | (1 << (signer & 7));
  return bitmap;
};

/** Whether a validator's bit is set. */
export const hasSigner = (bitmap: Uint8Array, signer: number): boolean =>
  (((bitmap[signer >> 3] ?? 0) >> (signer & 7)) & 1) === 1;

/** Signers of a bitmap in ascending order; undefined when its length is wrong or a bit beyond the set is set. */
export const signersOf = (bitmap: Uint8Array, validators: number): number[] | undefined => {
  if (bitmap.length !== Math.ceil(validators / 8)) return undefined;
  const signers: number[] = [];
  for (let signer = 0; signer < bitmap.length * 8; signer += 1) {
    if (!hasSigner(bitmap, signer)) continue;
    if (signer >= validators) return undefined;
    signers.push(signer);
  }
  return signers;
};
