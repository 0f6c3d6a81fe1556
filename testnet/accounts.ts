/** Developer accounts of a test network: seeds in a plain file, for testing only. */
import { readFile } from 'node:fs/promises';
import type { PublicKey } from '../protocol/brand.ts';
import { fromHex, toHex } from '../protocol/hex.ts';
import { writeFileDurably } from '../node/home.ts';
import { Account, createAccount } from '../wallet/account.ts';
import { testnetErrors } from './errors.ts';

/** Names of the accounts that every test network has. */
export const DEVELOPER_NAMES = ['dev-1', 'dev-2', 'dev-3'] as const;

/** A named account whose seed lies unencrypted in the network's directory. */
export interface DeveloperAccount {
  readonly name: string;
  readonly publicKey: PublicKey;
  readonly account: Account;
}

const WARNING = 'TESTING ONLY: these seeds are not encrypted. Whoever reads this file can act as these accounts.';

/** Fresh accounts under the developer names. */
export const createDeveloperAccounts = (): DeveloperAccount[] =>
  DEVELOPER_NAMES.map((name) => {
    const account = createAccount();
    return { name, publicKey: account.publicKey, account };
  });

/** Writes the accounts with a plain warning. */
export const writeAccounts = (path: string, accounts: readonly DeveloperAccount[]): Promise<void> => {
  const listed = accounts.map(({ name, publicKey, account }) => ({
    name,
    publicKey,
    seed: toHex(account.exportSeed()),
  }));
  return writeFileDurably(path, `${JSON.stringify({ warning: WARNING, accounts: listed }, null, 2)}\n`);
};

/** Reads the accounts. Throws TESTNET_FILE_MALFORMED. */
export const readAccounts = async (path: string): Promise<DeveloperAccount[]> => {
  try {
    const { accounts } = JSON.parse(await readFile(path, 'utf8')) as {
      readonly accounts: readonly { readonly name: string; readonly seed: string }[];
    };
    return accounts.map(({ name, seed }) => {
      const account = Account.fromSeed(fromHex(seed));
      return { name: String(name), publicKey: account.publicKey, account };
    });
  } catch {
    // Without cause: a parser's message may quote a seed.
    throw testnetErrors.error('TESTNET_FILE_MALFORMED', { path });
  }
};
