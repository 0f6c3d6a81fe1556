/** The members file: who governs a network. */
import type { PublicKey } from '../protocol/brand.ts';
import type { Member } from '../protocol/genesis.ts';
import { cliErrors } from './errors.ts';
import { readTextFile } from './files.ts';

/** Reads a members file. Throws CONFIG_FILE_MISSING or CONFIG_MEMBERS_INVALID. */
export const readMembers = async (path: string): Promise<Member[]> => {
  const text = await readTextFile(path);
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw cliErrors.error('CONFIG_MEMBERS_INVALID', { path }, cause);
  }
  if (!Array.isArray(list) || !list.every(isMember)) throw cliErrors.error('CONFIG_MEMBERS_INVALID', { path });
  return list.map(({ name, key }) => ({ name, key }));
};

const isMember = (value: unknown): value is { name: string; key: PublicKey } =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  typeof value.name === 'string' &&
  'key' in value &&
  typeof value.key === 'string' &&
  /^[0-9a-f]{64}$/.test(value.key);
