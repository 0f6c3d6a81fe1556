/** The rotation file of a validator: its key, the one that is to follow, and the new key's proof that it is owned. */
import type { PublicKey } from '../protocol/brand.ts';
import { fromHex } from '../protocol/hex.ts';
import { cliErrors } from './errors.ts';
import { readTextFile } from './files.ts';

/** A change of a validator's consensus key, as its operator publishes it; nothing in it is secret. */
export interface Rotation {
  readonly validatorKey: PublicKey;
  readonly newKey: PublicKey;
  /** Signature of the new key over the change. */
  readonly proof: Uint8Array;
}

const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);

/** Reads a rotation file. Throws CONFIG_FILE_MISSING or CONFIG_ROTATION_INVALID. */
export const readRotation = async (path: string): Promise<Rotation> => {
  const text = await readTextFile(path);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw cliErrors.error('CONFIG_ROTATION_INVALID', { path }, cause);
  }
  const { validatorKey, newKey, proof } = (file ?? {}) as Readonly<Record<string, unknown>>;
  if (!isHex(validatorKey, 32) || !isHex(newKey, 32) || !isHex(proof, 64))
    throw cliErrors.error('CONFIG_ROTATION_INVALID', { path });
  return { validatorKey: validatorKey as PublicKey, newKey: newKey as PublicKey, proof: fromHex(proof) };
};
