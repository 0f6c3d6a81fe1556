/**
 * Makes sure that one validator key is used by one process: two would sign twice.
 *
 * Both guards are held by the operating system and end with the process, so a crash leaves no stale lock and no guess
 * about process ids is needed: LevelDB's file lock in the data directory, and, on Linux, an abstract socket named after
 * the key, which also catches a copied directory on the same machine (in the same network namespace).
 */
import { mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { toHex } from '../protocol/hex.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { ledgerErrors } from './errors.ts';
import { LevelStore } from './level-store.ts';
import { purposeKey } from './record-cipher.ts';

const bindAbstract = (name: string): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(`\0${name}`, () => {
      server.unref();
      resolve(server);
    });
  });

/** A held lock. */
export class KeyLock {
  readonly #store: LevelStore;
  readonly #server: Server | undefined;
  #held = true;

  private constructor(store: LevelStore, server: Server | undefined) {
    this.#store = store;
    this.#server = server;
  }

  /**
   * Takes the lock of a directory and of the key, 32 secret bytes; throws KEY_IN_USE when another process holds either.
   */
  static async acquire(directory: string, key: Uint8Array): Promise<KeyLock> {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const store = await openLockStore(join(directory, 'lock'));
    if (process.platform !== 'linux') return new KeyLock(store, undefined);
    try {
      const name = `cloister-key-${toHex(purposeKey(key, 'lock-name').subarray(0, 16))}`;
      return new KeyLock(store, await bindAbstract(name));
    } catch (failure) {
      await store.close();
      throw ledgerErrors.error('KEY_IN_USE', { directory, guard: 'key' }, failure);
    }
  }

  /** Gives the lock back. Releasing twice is harmless. */
  async release(): Promise<void> {
    if (!this.#held) return;
    this.#held = false;
    const server = this.#server;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
    await this.#store.close();
  }
}

/** The lock database holds no records; only its file lock counts. */
const openLockStore = async (directory: string): Promise<LevelStore> => {
  try {
    return await LevelStore.open(directory);
  } catch (failure) {
    if (isCloisterError(failure, 'LEDGER_LOCKED'))
      throw ledgerErrors.error('KEY_IN_USE', { directory, guard: 'directory' }, failure);
    throw failure;
  }
};
