/** Which account acts: a keystore file, an account of the network directory, or one of the key directory. */
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { nearestName } from '../node/nearest-name.ts';
import { readAccounts as readDeveloperAccounts } from '../testnet/accounts.ts';
import { networkPaths } from '../testnet/directory.ts';
import type { Account } from '../wallet/account.ts';
import { openKeystore } from '../wallet/keystore.ts';
import { cliErrors } from './errors.ts';
import { type PassphraseOptions, readPassphrase, readTextFile } from './files.ts';

/** Options that name an account. */
export interface AccountOptions extends PassphraseOptions {
  readonly dir?: string | undefined;
  readonly account?: string | undefined;
  readonly keystore?: string | undefined;
  readonly keys?: string | undefined;
}

/** The key directory. */
export const keyDirectory = (keys: string | undefined): string =>
  keys ?? process.env['CLOISTER_KEYS'] ?? join(homedir(), '.cloister', 'keys');

/** Path of a named keystore. */
export const keystorePath = (keys: string | undefined, name: string): string =>
  join(keyDirectory(keys), `${name}.json`);

/** Names in the key directory. */
export const keystoreNames = async (keys: string | undefined): Promise<string[]> => {
  const entries = await readdir(keyDirectory(keys)).catch(() => []);
  return entries
    .filter((entry) => entry.endsWith('.json'))
    .map((entry) => entry.slice(0, -'.json'.length))
    .toSorted();
};

/** A parsed keystore file. Throws CONFIG_FILE_MISSING; what is not JSON is left to the keystore's own check. */
export const readKeystoreFile = async (path: string): Promise<unknown> => {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Several accounts that act together: those named, or the one of a keystore. */
export const readAccounts = async ({
  account: names = [],
  ...options
}: Omit<AccountOptions, 'account'> & { readonly account?: readonly string[] | undefined }): Promise<Account[]> => {
  if (names.length === 0) return [await readAccount(options)];
  const accounts: Account[] = [];
  for (const account of names) accounts.push(await readAccount({ ...options, account }));
  return accounts;
};

/** The account that acts. Throws USAGE_NO_ACCOUNT, USAGE_UNKNOWN_ACCOUNT or what the keystore says. */
export const readAccount = async (options: AccountOptions): Promise<Account> => {
  const { dir, account: name, keystore, keys } = options;
  const open = async (path: string): Promise<Account> =>
    openKeystore(await readKeystoreFile(path), await readPassphrase(options, 'open'));
  if (keystore !== undefined) return open(keystore);
  if (name === undefined) throw cliErrors.error('USAGE_NO_ACCOUNT');
  const developers = dir === undefined ? [] : await readDeveloperAccounts(networkPaths(dir).accounts);
  const developer = developers.find((candidate) => candidate.name === name);
  if (developer !== undefined) return developer.account;
  const names = await keystoreNames(keys);
  if (names.includes(name)) return open(keystorePath(keys, name));
  const known = [...developers.map((candidate) => candidate.name), ...names];
  throw cliErrors.error('USAGE_UNKNOWN_ACCOUNT', {
    account: name,
    ...(known.length > 0 && { nearest: nearestName(name, known) }),
  });
};
