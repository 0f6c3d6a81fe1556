/**
 * LevelDB as a `Store`: binary keys and values, no compression (ciphertext does not shrink), one writer process.
 *
 * LevelDB itself repairs too eagerly for a ledger: without CURRENT it starts an empty database and deletes the old
 * files, and it skips damaged log records in silence. So an existing database is never opened with permission to
 * create, and the layers above notice what is missing. LevelDB's lock (an fcntl lock) ends with its process.
 */
import { readdir } from 'node:fs/promises';
import { Level } from 'level';
import { ledgerErrors } from './errors.ts';
import type { Store, StoreOperation } from './store.ts';

/** Larger buffers are compacted less often; there may be two of them. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024;
const CACHE_BYTES = 8 * 1024 * 1024;

/** State of a database directory before it is opened. */
export type DatabaseFiles = 'absent' | 'complete' | 'damaged';

/** Looks at the files of a database without opening it; 'damaged' when files are left but the root file is gone. */
export const inspectDatabase = async (directory: string): Promise<DatabaseFiles> => {
  const names = await readdir(directory).catch((): string[] => []);
  if (names.includes('CURRENT')) return 'complete';
  // A manifest alone is what a crash in the middle of the creation leaves.
  return names.some((name) => /^\d+\.(?:ldb|sst|log)$/.test(name)) ? 'damaged' : 'absent';
};

/** What LevelDB, which writes while it opens, says of a disk that is sound but takes nothing. */
const DISK_REFUSED = /: (?:No space left on device|Disk quota exceeded|Read-only file system)$/;

const errorCode = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';

/** Whether a failed open means that another process holds the database. */
const isLocked = (failure: unknown): boolean => {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return errorCode(failure) === 'LEVEL_LOCKED' || errorCode(cause) === 'LEVEL_LOCKED';
};

const causeText = (failure: unknown): string => {
  const cause = failure instanceof Error && failure.cause instanceof Error ? failure.cause : failure;
  return cause instanceof Error ? cause.message : 'unknown';
};

/** The production store. */
export class LevelStore implements Store {
  readonly #database: Level<Uint8Array, Uint8Array>;

  private constructor(database: Level<Uint8Array, Uint8Array>) {
    this.#database = database;
  }

  /**
   * Opens or, where no database is, creates one. Throws LEDGER_LOCKED when another process has it, LEDGER_CORRUPT when
   * files are missing or LevelDB refuses them, LEDGER_WRITE_FAILED when the disk takes nothing.
   */
  static async open(directory: string): Promise<LevelStore> {
    const files = await inspectDatabase(directory);
    if (files === 'damaged')
      throw ledgerErrors.error('LEDGER_CORRUPT', { record: 'database', reason: 'CURRENT is missing' });
    const database = new Level<Uint8Array, Uint8Array>(directory, {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
      cacheSize: CACHE_BYTES,
      writeBufferSize: WRITE_BUFFER_BYTES,
      createIfMissing: files === 'absent',
    });
    try {
      await database.open();
    } catch (failure) {
      await database.close().catch(() => undefined);
      if (isLocked(failure)) throw ledgerErrors.error('LEDGER_LOCKED', { directory }, failure);
      const reason = causeText(failure);
      if (DISK_REFUSED.test(reason)) throw ledgerErrors.error('LEDGER_WRITE_FAILED', { reason }, failure);
      throw ledgerErrors.error('LEDGER_CORRUPT', { record: 'database', reason }, failure);
    }
    return new LevelStore(database);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#database.getSync(key);
  }

  async isEmpty(): Promise<boolean> {
    for await (const _key of this.#database.keys({ limit: 1 })) return false;
    return true;
  }

  async write(operations: readonly StoreOperation[], sync: boolean): Promise<void> {
    await this.#database.batch(
      operations.map(({ key, value }) => (value === undefined ? { type: 'del', key } : { type: 'put', key, value })),
      { sync },
    );
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
