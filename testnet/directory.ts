/**
 * The directory of a local network, and the lock that keeps two runs of it apart.
 *
 *     network.json     name, validators, first port; written last, so its presence means that founding was completed
 *     genesis.json     what the network agrees on
 *     accounts.json    developer accounts, for testing only
 *     enclave.mjs      the enclave bundle that the genesis measures
 *     simulated-root.json  certifies the simulated processors of machines that join later
 *     running.json     the process that runs the network, and its node processes
 *     validator-N/     one home a validator
 */
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '../node/home.ts';
import { testnetErrors } from './errors.ts';
import { identify, isRunning, type ProcessIdentity, waitUntilEnded } from './processes.ts';

/** Paths inside a network's directory. */
export const networkPaths = (directory: string) =>
  ({
    network: join(directory, 'network.json'),
    founding: join(directory, 'founding.json'),
    genesis: join(directory, 'genesis.json'),
    accounts: join(directory, 'accounts.json'),
    bundle: join(directory, 'enclave.mjs'),
    simulatedRoot: join(directory, 'simulated-root.json'),
    running: join(directory, 'running.json'),
    home: (name: string) => join(directory, name),
  }) as const;

/** What is remembered of a network beside its genesis. */
export interface NetworkFile {
  readonly format: typeof NETWORK_FORMAT;
  readonly network: string;
  readonly validators: readonly string[];
  readonly portBase: number;
}

/** Format name and version of `network.json`. */
export const NETWORK_FORMAT = 'cloister-testnet/1';

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';
const exists = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EEXIST';

/** Reads `network.json`; undefined when no network was founded here. Throws TESTNET_FILE_MALFORMED. */
export const readNetworkFile = async (directory: string): Promise<NetworkFile | undefined> => {
  const path = networkPaths(directory).network;
  try {
    const file = JSON.parse(await readFile(path, 'utf8')) as NetworkFile;
    const sound =
      file.format === NETWORK_FORMAT &&
      Number.isInteger(file.portBase) &&
      file.validators.every((name) => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name));
    if (!sound) throw new TypeError('format');
    return file;
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw testnetErrors.error('TESTNET_FILE_MALFORMED', { path }, cause);
  }
};

/** Writes `network.json`. */
export const writeNetworkFile = (directory: string, file: NetworkFile): Promise<void> =>
  writeFileDurably(networkPaths(directory).network, `${JSON.stringify(file, null, 2)}\n`);

/** Refuses a directory with foreign files; removes what an interrupted founding left behind. */
export const clearUnfinished = async (directory: string): Promise<void> => {
  const entries = await readdir(directory);
  if (!entries.includes('founding.json') && entries.some((entry) => !entry.startsWith('running.json'))) {
    throw testnetErrors.error('TESTNET_DIRECTORY_NOT_EMPTY', { directory });
  }
  const leftovers = entries.filter((entry) =>
    /^(validator-\d+|genesis\.json|accounts\.json|enclave\.mjs|simulated-root\.json)$/.test(entry),
  );
  await Promise.all(leftovers.map((entry) => rm(join(directory, entry), { recursive: true, force: true })));
};

interface RunningFile {
  readonly owner: ProcessIdentity;
  readonly nodes: readonly ProcessIdentity[];
}

const readRunning = async (path: string): Promise<RunningFile | undefined> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as RunningFile;
  } catch {
    return undefined;
  }
};

const ORPHANS_TIMEOUT_MS = 15_000;

/** Holds a network's directory for this process. */
export class DirectoryLock implements AsyncDisposable {
  readonly #path: string;
  readonly #owner: ProcessIdentity;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, owner: ProcessIdentity) {
    this.#path = path;
    this.#owner = owner;
  }

  /**
   * Takes the lock; one that a killed process left is taken over once its nodes have ended, which they do by themselves.
   * Throws TESTNET_RUNNING with the process id, or the signal's reason.
   */
  static async acquire(directory: string, signal?: AbortSignal): Promise<DirectoryLock> {
    const path = networkPaths(directory).running;
    const owner = identify(process.pid) ?? { pid: process.pid, started: undefined };
    const mine = `${path}.${process.pid}`;
    await writeFile(mine, JSON.stringify({ owner, nodes: [] } satisfies RunningFile), { mode: 0o600 });
    for (;;) {
      try {
        // A link appears with its content or not at all.
        await link(mine, path);
        await rm(mine);
        return new DirectoryLock(path, owner);
      } catch (error) {
        if (!exists(error)) throw error;
      }
      try {
        await DirectoryLock.#removeStale(path, signal);
      } catch (error) {
        await rm(mine, { force: true });
        throw error;
      }
    }
  }

  static async #removeStale(path: string, signal: AbortSignal | undefined): Promise<void> {
    const held = await readRunning(path);
    const live = held === undefined ? undefined : [held.owner].find(isRunning);
    if (live !== undefined) throw testnetErrors.error('TESTNET_RUNNING', { pid: live.pid });
    const [orphan] = await waitUntilEnded(held?.nodes ?? [], ORPHANS_TIMEOUT_MS, signal);
    signal?.throwIfAborted();
    if (orphan !== undefined) throw testnetErrors.error('TESTNET_RUNNING', { pid: orphan.pid });
    await rm(path, { force: true });
  }

  /** Remembers the network's processes, for whoever takes over after this process was killed. */
  note(nodes: () => readonly ProcessIdentity[]): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const temporary = `${this.#path}.new`;
      await writeFile(temporary, JSON.stringify({ owner: this.#owner, nodes: nodes() } satisfies RunningFile), {
        mode: 0o600,
      });
      await rename(temporary, this.#path);
    });
    return this.#writing;
  }

  /** Gives the directory free. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined);
    await rm(this.#path, { force: true });
  }
}
