/**
 * Sealed records over a `Store`: every read either gives the authentic content or throws LEDGER_CORRUPT with the kind
 * and height of the record. Absence is reported as undefined; callers know from the head what must exist.
 */
import { sha256 } from '#primitives';
import { type Codec, decode, encode } from '../protocol/codec.ts';
import { concatBytes } from '../protocol/hex.ts';
import { ledgerErrors } from './errors.ts';
import type { RecordCipher } from './record-cipher.ts';
import { RECORD_KINDS, type RecordKind } from './records.ts';
import type { Store, StoreOperation } from './store.ts';

const MAX_SMALL_RECORD_BYTES = 4096;
const TAG_NAME_BYTES = 16;

/** Position of a transaction in the chain. */
export interface TransactionPlace {
  readonly height: number;
  readonly index: number;
}

/** The error for a record that is missing, altered or malformed. */
export const corrupt = (record: RecordKind, height: number, reason: string, cause?: unknown): Error =>
  ledgerErrors.error('LEDGER_CORRUPT', { record, height, reason }, cause);

/** Reads and prepares records; writes nothing itself. */
export class RecordStore {
  readonly #store: Store;
  readonly #cipher: RecordCipher;

  constructor(store: Store, cipher: RecordCipher) {
    this.#store = store;
    this.#cipher = cipher;
  }

  #raw(key: Uint8Array, kind: RecordKind, height: number): Uint8Array | undefined {
    try {
      return this.#store.get(key);
    } catch (failure) {
      throw corrupt(kind, height, 'the database reports damage', failure);
    }
  }

  #opened(key: Uint8Array, kind: RecordKind, height: number): Uint8Array | undefined {
    const sealed = this.#raw(key, kind, height);
    if (sealed === undefined) return undefined;
    const content = this.#cipher.open(key, sealed);
    if (content === undefined) throw corrupt(kind, height, 'altered or moved');
    return content;
  }

  /** Content of the record of a height, or undefined when it is absent. */
  get(kind: RecordKind, height: number, part = 0): Uint8Array | undefined {
    return this.#opened(this.#cipher.heightKey(RECORD_KINDS[kind], height, part), kind, height);
  }

  /** Content of a record that must exist. */
  require(kind: RecordKind, height: number, part = 0): Uint8Array {
    const content = this.get(kind, height, part);
    if (content === undefined) throw corrupt(kind, height, 'missing');
    return content;
  }

  /** Decoded content of a small record, or undefined when it is absent. */
  getDecoded<T>(kind: RecordKind, height: number, codec: Codec<T>): T | undefined {
    const content = this.get(kind, height);
    if (content === undefined) return undefined;
    try {
      return decode(codec, content, MAX_SMALL_RECORD_BYTES);
    } catch (failure) {
      throw corrupt(kind, height, 'malformed', failure);
    }
  }

  /** The operation that stores a record; `digest` is SHA-256 of the content where the caller has it. */
  put(
    kind: RecordKind,
    height: number,
    content: Uint8Array,
    part = 0,
    digest: Uint8Array = sha256(content),
  ): StoreOperation {
    const key = this.#cipher.heightKey(RECORD_KINDS[kind], height, part);
    return { key, value: this.#cipher.seal(key, content, digest) };
  }

  /** The operation that stores a small record. */
  putEncoded<T>(kind: RecordKind, height: number, codec: Codec<T>, value: T): StoreOperation {
    return this.put(kind, height, encode(codec, value));
  }

  /** The operation that indexes a block by its hash. */
  putBlockIndex(blockHash: Uint8Array, place: Uint8Array): StoreOperation {
    const key = this.#cipher.hashTag(RECORD_KINDS['block index'], blockHash).subarray(0, TAG_NAME_BYTES);
    return { key, value: this.#cipher.seal(key, place) };
  }

  /** Content of the index record of a block hash. */
  getBlockIndex(blockHash: Uint8Array): Uint8Array | undefined {
    const key = this.#cipher.hashTag(RECORD_KINDS['block index'], blockHash).subarray(0, TAG_NAME_BYTES);
    return this.#opened(key, 'block index', 0);
  }

  /**
   * The operation that indexes a transaction, or undefined when it is indexed already: the first inclusion counts, as
   * later ones are refused as replays. The 16-byte value is masked with a pad of the keyed tag of this very id; as an
   * entry never changes, the pad is used for one value only. Receipts name their ids, which authenticates the entry.
   */
  putTransactionIndex(transactionId: Uint8Array, place: TransactionPlace): StoreOperation | undefined {
    const tag = this.#cipher.hashTag(RECORD_KINDS['transaction index'], transactionId);
    const key = tag.subarray(0, TAG_NAME_BYTES);
    if (this.#raw(key, 'transaction index', place.height) !== undefined) return undefined;
    const value = tag.slice(TAG_NAME_BYTES);
    xorPlace(value, place);
    return { key, value };
  }

  /** Where a transaction was first included, or undefined. */
  getTransactionIndex(transactionId: Uint8Array): TransactionPlace | undefined {
    const tag = this.#cipher.hashTag(RECORD_KINDS['transaction index'], transactionId);
    const value = this.#raw(tag.subarray(0, TAG_NAME_BYTES), 'transaction index', 0);
    if (value === undefined) return undefined;
    if (value.length !== TAG_NAME_BYTES) throw corrupt('transaction index', 0, 'malformed');
    const plain = concatBytes(value);
    const pad = tag.subarray(TAG_NAME_BYTES);
    for (let i = 0; i < plain.length; i += 1) plain[i] = (plain[i] ?? 0) ^ (pad[i] ?? 0);
    const view = new DataView(plain.buffer);
    const place = { height: view.getUint16(0) * 0x100000000 + view.getUint32(2), index: view.getUint16(6) };
    if (view.getUint32(8) !== 0 || view.getUint32(12) !== 0) throw corrupt('transaction index', 0, 'altered');
    return place;
  }
}

const xorPlace = (target: Uint8Array, { height, index }: TransactionPlace): void => {
  const plain = new DataView(new ArrayBuffer(8));
  plain.setUint16(0, Math.floor(height / 0x100000000));
  plain.setUint32(2, height % 0x100000000);
  plain.setUint16(6, index);
  for (let i = 0; i < 8; i += 1) target[i] = (target[i] ?? 0) ^ plain.getUint8(i);
};
