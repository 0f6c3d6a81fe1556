/**
 * The reading half of the ledger: point reads by height, block hash and transaction id, and replay in height order.
 *
 * A record at or below the head must exist: its absence is damage, not `undefined`. Every read gives authentic content
 * or throws LEDGER_CORRUPT naming record and height.
 */
import { sha256 } from '#primitives';
import { type BlockHash, type Height, height as asHeight, type TransactionId } from '../protocol/brand.ts';
import { decode, u64 } from '../protocol/codec.ts';
import { equalBytes, fromHex, toHex } from '../protocol/hex.ts';
import type { LedgerHead, LocatedReceipt, ReplayedHeight, StoredBlock, StoredStatement } from './blocks.ts';
import { ledgerErrors } from './errors.ts';
import { readLink } from './ledger-open.ts';
import { outputsAt, receiptCount, receiptEntry, type StoredReceipt } from './receipt-records.ts';
import { corrupt, type RecordStore } from './record-store.ts';
import { type BlockRecord, blockCodec, type ChainRecord, emptyChain, type HeadRecord } from './records.ts';

/** Ed25519 signature of the enclave, stored in front of the statement. */
export const SIGNATURE_BYTES = 64;
const TURN_EVERY_HEIGHTS = 32;

const hashText = (bytes: Uint8Array): BlockHash => toHex(bytes) as BlockHash;

/** Reads of one open ledger; `Ledger` adds the writes. */
export class LedgerReader {
  protected readonly records: RecordStore;
  protected readonly chainIdBytes: Uint8Array;
  protected headRecord: HeadRecord;
  /** Height up to which a write is under way: the store shows it a moment before the head tells it. */
  protected arrivingHeight = 0;
  protected executedHash: Uint8Array | undefined;
  protected closed = false;

  protected constructor(records: RecordStore, head: HeadRecord, chainIdBytes: Uint8Array) {
    this.records = records;
    this.headRecord = head;
    this.chainIdBytes = chainIdBytes;
    this.executedHash =
      head.executedHeight === 0 ? undefined : readLink(records, head.executedHeight, undefined).blockHash;
  }

  /** How far execution and finality are stored. */
  head(): LedgerHead {
    const { executedHeight, finalisedHeight, finalisedHash } = this.headRecord;
    return {
      height: asHeight(executedHeight),
      blockHash: this.executedHash === undefined ? undefined : hashText(this.executedHash),
      finalisedHeight: asHeight(finalisedHeight),
      finalisedHash: finalisedHeight === 0 ? undefined : hashText(finalisedHash),
    };
  }

  /** The block of a height, or undefined above the finalised head and at genesis. */
  readBlock(height: Height): StoredBlock | undefined {
    if (!this.#isFinalised(height)) return undefined;
    const record = this.blockRecord(height);
    return {
      height,
      blockHash: hashText(record.blockHash),
      header: this.records.require('header', height),
      body: record.body === undefined ? undefined : this.records.require('body', height),
      finality: record.finality === undefined ? undefined : this.records.require('finality', height),
    };
  }

  /** The header of a finalised height. */
  readHeader(height: Height): Uint8Array | undefined {
    return this.#isFinalised(height) ? this.records.require('header', height) : undefined;
  }

  /** The hash of the block of a finalised height. */
  readBlockHash(height: Height): BlockHash | undefined {
    return this.#isFinalised(height) ? hashText(this.blockRecord(height).blockHash) : undefined;
  }

  /** The body of a finalised height, undefined while it has not arrived. */
  readBody(height: Height): Uint8Array | undefined {
    if (!this.#isFinalised(height)) return undefined;
    const body = this.records.get('body', height);
    if (body === undefined && this.blockRecord(height).body !== undefined) throw corrupt('body', height, 'missing');
    return body;
  }

  /** The finality proof of a finalised height, undefined when none was stored for it. */
  readFinality(height: Height): Uint8Array | undefined {
    if (!this.#isFinalised(height)) return undefined;
    const finality = this.records.get('finality', height);
    if (finality === undefined && this.blockRecord(height).finality !== undefined)
      throw corrupt('finality', height, 'missing');
    return finality;
  }

  /** The sealed write set of an executed height. */
  readWriteSet(height: Height): Uint8Array | undefined {
    return this.#isExecuted(height) ? this.records.require('write set', height) : undefined;
  }

  /** The signed result statement of an executed height. */
  readStatement(height: Height): StoredStatement | undefined {
    if (!this.#isExecuted(height)) return undefined;
    const content = this.records.require('statement', height);
    return { enclaveSignature: content.slice(0, SIGNATURE_BYTES), statement: content.slice(SIGNATURE_BYTES) };
  }

  /** The result certificate of a height, undefined while none was saved. */
  readResultCertificate(height: Height): Uint8Array | undefined {
    this.assertOpen();
    return this.records.get('result certificate', height);
  }

  /** All receipts of an executed height in block order, without outputs (a Merkle path needs every leaf). */
  readReceipts(
    height: Height,
  ): readonly { readonly transactionId: TransactionId; readonly receipt: Uint8Array }[] | undefined {
    if (!this.#isExecuted(height)) return undefined;
    const packed = this.records.require('receipts', height);
    return Array.from({ length: receiptCount(packed) ?? 0 }, (_, index) => {
      const entry = receiptEntry(packed, index);
      if (entry === undefined) throw corrupt('receipts', height, 'malformed');
      return { transactionId: entry.transactionId, receipt: entry.receipt };
    });
  }

  /** All receipts of an executed height with their sealed outputs, in block order. */
  readCalls(height: Height): readonly StoredReceipt[] | undefined {
    if (!this.#isExecuted(height)) return undefined;
    const packed = this.records.require('receipts', height);
    const chunks = new Map<number, Uint8Array>();
    return Array.from({ length: receiptCount(packed) ?? 0 }, (_, index) => {
      const entry = receiptEntry(packed, index);
      if (entry === undefined) throw corrupt('receipts', height, 'malformed');
      const chunk = chunks.get(entry.chunk) ?? this.records.require('outputs', height, entry.chunk);
      chunks.set(entry.chunk, chunk);
      const outputs = outputsAt(chunk, entry.offset);
      if (outputs === undefined) throw corrupt('outputs', height, 'malformed');
      return { transactionId: entry.transactionId, receipt: entry.receipt, outputs };
    });
  }

  /** A transaction's receipt and sealed outputs at its first inclusion, or undefined when it was never executed. */
  readReceipt(transactionId: TransactionId): LocatedReceipt | undefined {
    this.assertOpen();
    const place = this.records.getTransactionIndex(fromHex(transactionId));
    if (place === undefined) return undefined;
    if (!this.#isExecuted(place.height)) return this.#notYet('transaction index', place.height);
    const entry = receiptEntry(this.records.require('receipts', place.height), place.index);
    if (entry?.transactionId !== transactionId)
      throw corrupt('transaction index', place.height, 'points to another transaction');
    const outputs = outputsAt(this.records.require('outputs', place.height, entry.chunk), entry.offset);
    if (outputs === undefined) throw corrupt('outputs', place.height, 'malformed');
    return { transactionId, receipt: entry.receipt, outputs, height: asHeight(place.height), index: place.index };
  }

  /** Height of the block that closes an epoch, undefined while the epoch lasts. */
  readEpochEnd(epoch: number): Height | undefined {
    this.assertOpen();
    const height = this.records.getDecoded('epoch end', epoch, u64);
    if (height === undefined) return undefined;
    if (!this.#isFinalised(height)) return this.#notYet('epoch end', height);
    return asHeight(height);
  }

  /** Proof that a view was skipped, undefined where no stored block came with one. */
  readNullification(epoch: number, view: number): Uint8Array | undefined {
    this.assertOpen();
    return this.records.get('nullification', view, epoch);
  }

  /** Height of a finalised block by its hash. */
  heightOfBlock(blockHash: BlockHash): Height | undefined {
    this.assertOpen();
    const hash = fromHex(blockHash);
    const content = this.records.getBlockIndex(hash);
    if (content === undefined) return undefined;
    const height = decode(u64, content, content.length);
    if (!this.#isFinalised(height)) return this.#notYet('block index', height);
    if (!equalBytes(this.blockRecord(height).blockHash, hash)) {
      throw corrupt('block index', height, 'points to another block');
    }
    return asHeight(height);
  }

  /** An index entry above the head is one of the write under way, or damage. */
  #notYet(record: Parameters<typeof corrupt>[0], height: number): undefined {
    if (height > this.arrivingHeight) throw corrupt(record, height, 'points beyond the head');
    return undefined;
  }

  /**
   * Executed heights from `from` to the head at the time of the call, one at a time. Checks the running chain and the
   * digests of what it gives; throws LEDGER_CORRUPT at the first height that fails.
   */
  async *replay(from: Height = asHeight(1)): AsyncGenerator<ReplayedHeight, void, undefined> {
    const last = this.headRecord.executedHeight;
    const first = Math.max(1, from);
    let previous = first === 1 ? emptyChain(this.chainIdBytes) : undefined;
    for (let height = first; height <= last; height += 1) {
      this.assertOpen();
      const link = readLink(this.records, height, previous);
      previous = link.running;
      yield this.#replayed(asHeight(height), link);
      if (height % TURN_EVERY_HEIGHTS === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #replayed(height: Height, link: ChainRecord): ReplayedHeight {
    const header = this.#checked('header', height, link.header);
    const writeSet = this.#checked('write set', height, link.writeSet);
    const content = this.#checked('statement', height, link.statement);
    return {
      height,
      blockHash: hashText(link.blockHash),
      header,
      writeSet,
      enclaveSignature: content.slice(0, SIGNATURE_BYTES),
      statement: content.slice(SIGNATURE_BYTES),
    };
  }

  #checked(kind: 'header' | 'write set' | 'statement', height: number, digest: Uint8Array): Uint8Array {
    const content = this.records.require(kind, height);
    if (!equalBytes(sha256(content), digest)) throw corrupt(kind, height, 'is not the one of the running chain');
    return content;
  }

  /** Records and start of the running chain, for `verifyLedger` only. */
  auditAccess(): { readonly records: RecordStore; readonly chainStart: Uint8Array } {
    this.assertOpen();
    return { records: this.records, chainStart: emptyChain(this.chainIdBytes) };
  }

  #isFinalised(height: number): boolean {
    this.assertOpen();
    return height >= 1 && height <= this.headRecord.finalisedHeight;
  }

  #isExecuted(height: number): boolean {
    this.assertOpen();
    return height >= 1 && height <= this.headRecord.executedHeight;
  }

  protected blockRecord(height: number): BlockRecord {
    const record = this.records.getDecoded('block', height, blockCodec);
    if (record === undefined) throw corrupt('block', height, 'missing');
    return record;
  }

  protected assertOpen(): void {
    if (this.closed) throw ledgerErrors.error('LEDGER_CLOSED');
  }
}
