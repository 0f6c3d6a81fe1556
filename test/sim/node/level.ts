/** Stands in for the package `level`: a database on the machine's simulated disk. */
import { SimDatabase, SimFile } from './disk.ts';
import { host } from './host.ts';

const FASTEST_WRITE_MS = 0.05;
const SLOWEST_WRITE_MS = 4;

type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');

const changeOf = (operation: Operation) => ({
  key: nameOf(operation.key),
  value: operation.type === 'put' ? operation.value : undefined,
});

/** What the ledger uses of a database. */
export class Level {
  readonly #location: string;
  #database: SimDatabase | undefined;

  constructor(location: string) {
    this.#location = location;
  }

  async open(): Promise<void> {
    const { databases, files } = host().current.disk;
    const known = databases.get(this.#location) ?? new SimDatabase();
    databases.set(this.#location, known);
    files.set(`${this.#location}/CURRENT`, files.get(`${this.#location}/CURRENT`) ?? new SimFile());
    this.#database = known;
  }

  async close(): Promise<void> {
    this.#database = undefined;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    return this.#opened().entries.get(nameOf(key));
  }

  async *keys(): AsyncGenerator<Uint8Array> {
    for (const key of this.#opened().entries.keys()) yield Buffer.from(key, 'latin1');
  }

  batch(operations: readonly Operation[], { sync }: { readonly sync: boolean }): Promise<void> {
    const { agenda, current, random } = host();
    const database = this.#opened();
    current.disk.checkSpace();
    if (host().mayAct(current)) database.apply(operations.map(changeOf));
    const batches = database.unsynced;
    return new Promise((resolve) => {
      host().later(current, agenda.nowMs + random.between(FASTEST_WRITE_MS, SLOWEST_WRITE_MS), () => {
        if (sync) database.synced(batches);
        resolve();
      });
    });
  }

  #opened(): SimDatabase {
    if (this.#database === undefined) throw new Error('the database is not open');
    return this.#database;
  }
}
