/**
 * The encrypted replica of the chain: sees encoded and sealed bytes only, and holds no key that opens them.
 *
 * Invariants: one executed height is one synced atomic batch; heights are stored without gaps and never overwritten;
 * finalised height >= executed height; every executed height is a link of a running chain over all its records. Reads
 * give authentic content or throw LEDGER_CORRUPT naming record and height. Genesis is height 0 and is not stored.
 * Writes run one after the other; reads are synchronous point reads (a few microseconds plus decryption).
 */
import { sha256 } from '#primitives';
import type { ChainId, Height, TransactionId } from '../protocol/brand.ts';
import { encode, u64 } from '../protocol/codec.ts';
import { concatBytes, equalBytes, fromHex } from '../protocol/hex.ts';
import type { ExecutedBlock, FinalisedBlock } from './blocks.ts';
import { ledgerErrors } from './errors.ts';
import { type OpenedLedger, openLedgerFiles, readLink } from './ledger-open.ts';
import { LedgerReader, SIGNATURE_BYTES } from './ledger-reader.ts';
import { packedId, packReceipts } from './receipt-records.ts';
import {
  type BlockRecord,
  blockCodec,
  chainCodec,
  type ChainLink,
  type ChainRecord,
  digestOfParts,
  type HeadRecord,
  headCodec,
  runningHash,
} from './records.ts';
import type { SealedSlots } from './sealed-slots.ts';
import { SerialQueue } from './serial-queue.ts';
import type { Store, StoreOperation } from './store.ts';

/** Options of `Ledger.open`. */
export interface LedgerOptions {
  /** 32 secret bytes of this replica, from the node's keystore. */
  readonly replicaKey: Uint8Array;
  readonly chainId: ChainId;
  /** Least finalised height that must be present, where the caller knows one from elsewhere. */
  readonly atLeast?: Height | undefined;
}

/** The ledger of one node. */
export class Ledger extends LedgerReader {
  readonly #store: Store;
  readonly #marker: SealedSlots;
  readonly #writes = new SerialQueue();

  private constructor(opened: OpenedLedger, chainId: Uint8Array) {
    super(opened.records, opened.head, chainId);
    this.#store = opened.store;
    this.#marker = opened.marker;
  }

  /**
   * Opens the ledger in a directory, creating it where nothing is. Throws LEDGER_LOCKED, LEDGER_LAYOUT_UNSUPPORTED,
   * LEDGER_WRONG_CHAIN, LEDGER_WRONG_KEY, LEDGER_TRUNCATED or LEDGER_CORRUPT.
   */
  static async open(directory: string, { replicaKey, chainId, atLeast }: LedgerOptions): Promise<Ledger> {
    const chain = fromHex(chainId);
    return new Ledger(await openLedgerFiles({ directory, replicaKey, chainId: chain, atLeast: atLeast ?? 0 }), chain);
  }

  /**
   * Makes finalised blocks durable in one synced batch, in height order, before they are executed. A block may come
   * without body or finality and again later with them. Throws LEDGER_GAP or LEDGER_CONFLICT.
   */
  storeFinalised(...blocks: readonly FinalisedBlock[]): Promise<void> {
    return this.#writes.run(async () => {
      this.assertOpen();
      let head = this.headRecord;
      const operations: StoreOperation[] = [];
      const staged = new Map<number, BlockRecord>();
      for (const block of blocks) {
        const known = staged.get(block.height) ?? this.#known(block.height, head);
        if (known === undefined)
          head = { ...head, finalisedHeight: block.height, finalisedHash: fromHex(block.blockHash) };
        const next = this.#blockOperations(block, known, operations);
        if (next !== known) staged.set(block.height, next);
      }
      if (operations.length > 0) await this.#write(operations, head);
    });
  }

  /** The block record of a height that is stored, undefined for the next new one; throws LEDGER_GAP beyond. */
  #known(height: number, head: HeadRecord): BlockRecord | undefined {
    if (height < 1 || height > head.finalisedHeight + 1) {
      throw ledgerErrors.error('LEDGER_GAP', { height, finalisedHeight: head.finalisedHeight });
    }
    if (height > head.finalisedHeight) return undefined;
    return this.blockRecord(height);
  }

  /** Adds the operations for the parts of a block that are not stored yet; gives the block record that then holds. */
  #blockOperations(block: FinalisedBlock, known: BlockRecord | undefined, operations: StoreOperation[]): BlockRecord {
    const { height } = block;
    const header = sha256(block.header);
    const body = block.body === undefined ? undefined : sha256(block.body);
    const finality = block.finality === undefined ? undefined : sha256(block.finality);
    const blockHash = fromHex(block.blockHash);
    const same =
      known === undefined ||
      (equalBytes(known.blockHash, blockHash) &&
        equalBytes(known.header, header) &&
        (known.body === undefined || body === undefined || equalBytes(known.body, body)));
    if (!same) throw ledgerErrors.error('LEDGER_CONFLICT', { height, record: 'block' });
    const next: BlockRecord = { blockHash, header, body: known?.body ?? body, finality: known?.finality ?? finality };
    if (known !== undefined && known.body === next.body && known.finality === next.finality) return known;
    if (known === undefined) {
      operations.push(this.records.put('header', height, block.header, 0, header));
      operations.push(this.records.putBlockIndex(blockHash, encode(u64, height)));
      if (block.closesEpoch !== undefined)
        operations.push(this.records.putEncoded('epoch end', block.closesEpoch, u64, height));
      for (const { epoch, view, certificate } of block.nullifications ?? [])
        operations.push(this.records.put('nullification', view, certificate, epoch));
    }
    if (block.body !== undefined && known?.body === undefined)
      operations.push(this.records.put('body', height, block.body, 0, body));
    if (block.finality !== undefined && known?.finality === undefined) {
      operations.push(this.records.put('finality', height, block.finality, 0, finality));
    }
    operations.push(this.records.putEncoded('block', height, blockCodec, next));
    return next;
  }

  /**
   * Stores executed heights in one synced batch, in order: all of them or none. Storing an identical height again
   * changes nothing; the first finality proof stored for a block is kept. Throws LEDGER_GAP or LEDGER_CONFLICT.
   */
  commitBlocks(...blocks: readonly ExecutedBlock[]): Promise<void> {
    return this.#writes.run(async () => {
      this.assertOpen();
      let head = this.headRecord;
      const operations: StoreOperation[] = [];
      for (const block of blocks) head = this.#commitOperations(block, head, operations);
      if (operations.length === 0) return;
      await this.#write(operations, head);
      this.executedHash = fromHex(blocks.at(-1)?.blockHash ?? '');
    });
  }

  /** Adds the operations for an executed height on top of a head; gives the head that then holds. */
  #commitOperations(block: ExecutedBlock, head: HeadRecord, operations: StoreOperation[]): HeadRecord {
    const { height } = block;
    const { executedHeight, finalisedHeight, finalisedHash } = head;
    if (block.enclaveSignature.length !== SIGNATURE_BYTES) {
      const reason = 'the enclave signature does not have 64 bytes';
      throw ledgerErrors.error('LEDGER_INPUT_INVALID', { height, reason });
    }
    const { receipts, chunks } = packReceipts(block.receipts);
    const parts = { receipts, chunks, statement: concatBytes(block.enclaveSignature, block.statement) };
    if (height <= this.headRecord.executedHeight) {
      this.#compareStored(block, parts);
      return head;
    }
    if (height !== executedHeight + 1) throw ledgerErrors.error('LEDGER_GAP', { height, executedHeight });
    const known = this.#known(height, head);
    const stored = this.#blockOperations(block, known, operations);
    const link = linkOf(block, parts, head.running, stored.finality);
    const running = runningHash(link);
    this.#executionOperations(block, parts, { ...link, running }, operations);
    const finalised =
      known === undefined
        ? { finalisedHeight: height, finalisedHash: link.blockHash }
        : { finalisedHeight, finalisedHash };
    return { ...head, executedHeight: height, running, ...finalised };
  }

  #executionOperations(
    block: ExecutedBlock,
    parts: PackedParts,
    record: ChainRecord,
    operations: StoreOperation[],
  ): void {
    const { height } = block;
    operations.push(this.records.put('write set', height, block.writeSet, 0, record.writeSet));
    operations.push(this.records.put('receipts', height, parts.receipts, 0, record.receipts));
    parts.chunks.forEach((chunk, part) => {
      operations.push(this.records.put('outputs', height, chunk, part));
    });
    operations.push(this.records.put('statement', height, parts.statement, 0, record.statement));
    operations.push(this.records.putEncoded('chain', height, chainCodec, record));
    if (block.resultCertificate !== undefined)
      operations.push(this.records.put('result certificate', height, block.resultCertificate));
    const indexed = new Set<TransactionId>();
    block.receipts.forEach(({ transactionId }, index) => {
      if (indexed.has(transactionId)) return;
      indexed.add(transactionId);
      const operation = this.records.putTransactionIndex(packedId(parts.receipts, index), { height, index });
      if (operation !== undefined) operations.push(operation);
    });
  }

  #compareStored(block: ExecutedBlock, parts: PackedParts): void {
    const { height } = block;
    if (height < 1) throw ledgerErrors.error('LEDGER_GAP', { height, executedHeight: this.headRecord.executedHeight });
    const { running: _running, ...stored } = readLink(this.records, height, undefined);
    const given = linkOf(block, parts, stored.previous, stored.finality);
    if (!equalBytes(runningHash(given), runningHash(stored))) {
      throw ledgerErrors.error('LEDGER_CONFLICT', { height, record: firstDifference(given, stored) });
    }
  }

  async #write(operations: readonly StoreOperation[], head: HeadRecord): Promise<void> {
    this.arrivingHeight = Math.max(head.executedHeight, head.finalisedHeight);
    try {
      await this.#store.write([...operations, this.records.putEncoded('head', 0, headCodec, head)], true);
      this.headRecord = head;
      this.#marker.write(encode(headCodec, head));
    } catch (failure) {
      throw ledgerErrors.error('LEDGER_WRITE_FAILED', { height: head.executedHeight }, failure);
    } finally {
      this.arrivingHeight = 0;
    }
  }

  /** Keeps the first result certificate of a finalised height; not synced, since peers can give it again. */
  saveResultCertificate(height: Height, certificate: Uint8Array): Promise<void> {
    return this.#writes.run(async () => {
      this.assertOpen();
      if (height < 1 || height > this.headRecord.finalisedHeight) {
        throw ledgerErrors.error('LEDGER_GAP', { height, finalisedHeight: this.headRecord.finalisedHeight });
      }
      if (this.records.get('result certificate', height) !== undefined) return;
      await this.#store
        .write([this.records.put('result certificate', height, certificate)], false)
        .catch((failure: unknown) => {
          throw ledgerErrors.error('LEDGER_WRITE_FAILED', { height }, failure);
        });
    });
  }

  /** Waits for writes under way, then releases files and lock. Closing twice is harmless. */
  async close(): Promise<void> {
    await this.#writes.run(async () => {
      if (this.closed) return;
      this.closed = true;
      await this.#store.close();
      this.#marker.close();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface PackedParts {
  readonly receipts: Uint8Array;
  readonly chunks: readonly Uint8Array[];
  readonly statement: Uint8Array;
}

const linkOf = (
  block: ExecutedBlock,
  parts: PackedParts,
  previous: Uint8Array,
  finality: Uint8Array | undefined,
): ChainLink => ({
  height: block.height,
  blockHash: fromHex(block.blockHash),
  header: sha256(block.header),
  body: sha256(block.body),
  finality,
  writeSet: sha256(block.writeSet),
  receipts: sha256(parts.receipts),
  outputs: digestOfParts(parts.chunks),
  outputChunks: parts.chunks.length,
  transactions: block.receipts.length,
  statement: sha256(parts.statement),
  previous,
});

const firstDifference = (given: ChainLink, stored: ChainLink): string => {
  const parts = ['blockHash', 'header', 'body', 'writeSet', 'receipts', 'outputs', 'statement'] as const;
  return parts.find((part) => !equalBytes(given[part], stored[part])) ?? 'block';
};
