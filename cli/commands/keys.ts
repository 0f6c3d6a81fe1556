/** `cloister keys`: encrypted keystores of accounts. */
import { open, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createAccount } from '../../wallet/account.ts';
import { sealKeystore } from '../../wallet/keystore.ts';
import { walletErrors } from '../../wallet/errors.ts';
import { keystoreNames, keystorePath, readKeystoreFile } from '../accounts.ts';
import { cliErrors, usageError } from '../errors.ts';
import { type PassphraseOptions, readPassphrase } from '../files.ts';
import { columns, type OutputOptions, printResult, table } from '../output.ts';

interface KeysOptions extends OutputOptions, PassphraseOptions {
  readonly keys?: string | undefined;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const publicKeyOf = (file: unknown, path: string): string => {
  const publicKey: unknown =
    typeof file === 'object' && file !== null && 'publicKey' in file ? file.publicKey : undefined;
  if (typeof publicKey !== 'string' || !/^[0-9a-f]{64}$/.test(publicKey))
    throw walletErrors.error('KEYSTORE_MALFORMED', { path });
  return publicKey;
};

const writeNew = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw cliErrors.error('USAGE_FILE_EXISTS', { path }, cause);
  });
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Creates an account. */
export const create = async (options: KeysOptions, [name]: readonly [string]): Promise<void> => {
  if (!NAME.test(name))
    throw usageError(
      'A name has 1 to 64 letters, digits, dots, dashes and underscores.',
      'Choose another name, or pass a path to `keys show`.',
    );
  const path = keystorePath(options.keys, name);
  if ((await keystoreNames(options.keys)).includes(name)) throw cliErrors.error('USAGE_FILE_EXISTS', { path });
  const account = createAccount();
  const keystore = await sealKeystore(account, await readPassphrase(options, 'create'));
  await writeNew(path, `${JSON.stringify(keystore, null, 2)}\n`);
  const { publicKey } = account;
  printResult(
    options,
    { name, publicKey, path },
    table([
      ['Account', name],
      ['Public key', publicKey],
      ['Keystore', path],
    ]),
  );
};

/** Lists the key directory. */
export const list = async (options: KeysOptions): Promise<void> => {
  const names = await keystoreNames(options.keys);
  const accounts = await Promise.all(
    names.map(async (name) => {
      const path = keystorePath(options.keys, name);
      return { name, publicKey: publicKeyOf(await readKeystoreFile(path), path), path };
    }),
  );
  const lines = columns(
    ['NAME', 'PUBLIC KEY'],
    accounts.map(({ name, publicKey }) => [name, publicKey]),
  );
  printResult(
    options,
    { accounts },
    accounts.length === 0 ? ['No accounts yet: create one with `cloister keys create NAME`.'] : lines,
  );
};

/** Shows one account. */
export const show = async (options: KeysOptions, [name]: readonly [string]): Promise<void> => {
  const named = (await keystoreNames(options.keys)).includes(name);
  const path = named ? keystorePath(options.keys, name) : name;
  const publicKey = publicKeyOf(await readKeystoreFile(path), path);
  printResult(
    options,
    { name, publicKey, path },
    table([
      ['Public key', publicKey],
      ['Keystore', path],
    ]),
  );
};
