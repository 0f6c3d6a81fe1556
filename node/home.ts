/**
 * The home directory of a validator: which file lies where, and reading and writing them safely.
 *
 *     genesis.json        what the network agrees on
 *     node.toml           this machine's settings
 *     keys/node.json      encrypted keystore; keys/passphrase only on test networks
 *     enclave/            what the (simulated) processor sealed for the enclave
 *     ledger/, votes/     encrypted replica and write-ahead log
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import { type Genesis, genesisFromJson } from '../protocol/genesis.ts';
import { type NodeConfig, resolveConfig } from './config.ts';
import { nodeErrors } from './errors.ts';
import { type NodeKeystore, type NodeSecrets, openNodeKeystore, sealNodeKeystore } from './keystore.ts';

/** Paths inside a home. */
export const homePaths = (home: string) =>
  ({
    genesis: join(home, 'genesis.json'),
    config: join(home, 'node.toml'),
    keystore: join(home, 'keys', 'node.json'),
    passphrase: join(home, 'keys', 'passphrase'),
    processor: join(home, 'enclave', 'simulated-processor.json'),
    sealedIdentity: join(home, 'enclave', 'identity.sealed'),
    sealedEpoch: join(home, 'enclave', 'epoch.sealed'),
    ledger: join(home, 'ledger'),
    evidence: join(home, 'evidence'),
    votes: join(home, 'votes'),
    descriptor: join(home, 'validator.json'),
    observerDescriptor: join(home, 'observer.json'),
  }) as const;

const writeWhole = async (path: string, content: string | Uint8Array): Promise<void> => {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

/** The last write of each path that is under way: two at once would rename the one temporary file twice. */
const underWay = new Map<string, Promise<void>>();

/**
 * Writes a file whole or not at all: temporary name, fsync, rename, fsync of the folder. Mode 0600. Writes of one path are
 * done in the order of their calls.
 */
export const writeFileDurably = (path: string, content: string | Uint8Array): Promise<void> => {
  const write = (): Promise<void> => writeWhole(path, content);
  const written = (underWay.get(path) ?? Promise.resolve()).then(write, write);
  const ended = (): void => {
    if (underWay.get(path) === written) underWay.delete(path);
  };
  underWay.set(path, written);
  written.then(ended, ended);
  return written;
};

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Content of a file, or undefined when it does not exist. */
export const readOptional = async (path: string): Promise<Uint8Array | undefined> => {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path }, cause);
  }
};

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path }, cause);
  }
};

/** Reads and checks `genesis.json`. */
export const readGenesis = async (path: string): Promise<Genesis> => {
  let json: unknown;
  const text = await readText(path);
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path }, cause);
  }
  return genesisFromJson(json);
};

/** Resolves a home's configuration with environment and flags on top. */
export const readConfig = async (
  home: string,
  flags: Readonly<Record<string, string>>,
  environment = process.env,
): Promise<NodeConfig> => {
  const path = homePaths(home).config;
  const text = await readText(path);
  let file: unknown;
  try {
    file = parseToml(text);
  } catch (cause) {
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path }, cause);
  }
  return resolveConfig({ file, environment, flags });
};

/** The passphrase: CLOISTER_PASSPHRASE, CLOISTER_PASSPHRASE_FILE, or the file that a test network keeps beside the keys. */
export const readPassphrase = async (home: string, environment = process.env): Promise<string> => {
  const given = environment['CLOISTER_PASSPHRASE'];
  if (given !== undefined) return given;
  const path = environment['CLOISTER_PASSPHRASE_FILE'] ?? homePaths(home).passphrase;
  return (await readText(path)).trimEnd();
};

/** Opens the home's keystore. Throws KEYSTORE_LOCKED. */
export const readKeystore = async (home: string, passphrase: string): Promise<NodeKeystore> =>
  openNodeKeystore(await readText(homePaths(home).keystore), passphrase);

/** The secrets of the home's keystore. Throws KEYSTORE_LOCKED. */
export const readSecrets = async (home: string, passphrase: string): Promise<NodeSecrets> =>
  (await readKeystore(home, passphrase)).secrets;

/** Replaces the home's keystore durably. */
export const writeKeystore = (home: string, keystore: NodeKeystore, passphrase: string): Promise<void> =>
  writeFileDurably(homePaths(home).keystore, sealNodeKeystore(keystore, passphrase));
