/** The rotation file of a validator: its key, the one that is to follow, and the new key's proof that it is owned. */
import type { PublicKey } from '../protocol/brand.ts';
import { fromHex, toHex } from '../protocol/hex.ts';
import type { Rotation } from '../node/guard-rotate.ts';
import { cliErrors } from './errors.ts';
import { readTextFile } from './files.ts';

const isHex = (value: unknown, bytes: number): value is string =>
  typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);

/** Reads a rotation file. Throws CONFIG_FILE_MISSING or CONFIG_ROTATION_INVALID. */
export const readRotation = async (path: string): Promise<Omit<Rotation, 'chainId'>> => {
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

/** The text of a rotation file. */
export const rotationText = ({ chainId, validatorKey, newKey, proof }: Rotation): string =>
  `${JSON.stringify({ chainId, validatorKey, newKey, proof: toHex(proof) }, null, 2)}\n`;
