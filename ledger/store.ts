/**
 * The key-value store under the ledger: opaque bytes in, opaque bytes out.
 *
 * A batch is atomic; with `sync` it is durable when the promise resolves. Reads are synchronous point reads: the
 * ledger never iterates, because records are found by keyed pseudo-random keys (see `record-cipher.ts`).
 */

/** One change of a batch; `value` undefined removes the key. */
export interface StoreOperation {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** What the ledger needs of a database; `LevelStore` implements it. */
export interface Store {
  /** The value of a key, or undefined. Throws when the medium reports damage. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** Whether no key exists at all. */
  isEmpty(): Promise<boolean>;
  /** Applies all operations or none; durable on return when `sync` is true. */
  write(operations: readonly StoreOperation[], sync: boolean): Promise<void>;
  /** Waits for writes under way and releases the medium. */
  close(): Promise<void>;
}
