/**
 * How the receipts of one block lie in few records: one value with all receipts (their bytes are small, and a Merkle
 * path needs all of them), and the sealed outputs, which are large, in chunks that are read one at a time.
 *
 * receipts = count u32 ‖ count × (transaction id 32 ‖ end of receipt u32 ‖ chunk u16 ‖ offset in chunk u32) ‖ receipts.
 * chunk = for each transaction: outputs u16 ‖ outputs × (length u32 ‖ bytes). All integers big-endian.
 * Readers check every bound: the bytes are authentic, but an earlier version of this code may have written them.
 */
import type { TransactionId } from '../protocol/brand.ts';
import { fromHex, toHex } from '../protocol/hex.ts';
import { MAX_BLOCK_TRANSACTIONS } from '../protocol/limits.ts';
import { ledgerErrors } from './errors.ts';

const ENTRY_BYTES = 42;
/** Chunks end at the first transaction boundary past this size: a single read stays well under a millisecond. */
const CHUNK_BYTES = 128 * 1024;
const MAX_OUTPUTS = 0xffff;

/** One executed transaction: public receipt leaf and sealed outputs, as encoded by the enclave. */
export interface StoredReceipt {
  readonly transactionId: TransactionId;
  readonly receipt: Uint8Array;
  readonly outputs: readonly Uint8Array[];
}

/** The records of a block's receipts. */
export interface PackedReceipts {
  readonly receipts: Uint8Array;
  readonly chunks: readonly Uint8Array[];
}

/** Where one receipt lies. */
export interface ReceiptEntry {
  readonly transactionId: TransactionId;
  readonly receipt: Uint8Array;
  readonly chunk: number;
  readonly offset: number;
}

const outputsSize = (outputs: readonly Uint8Array[]): number =>
  outputs.reduce((size, output) => size + 4 + output.length, 2);

const writeOutputs = (target: Uint8Array, start: number, outputs: readonly Uint8Array[]): void => {
  const view = new DataView(target.buffer);
  view.setUint16(start, outputs.length);
  let offset = start + 2;
  for (const output of outputs) {
    view.setUint32(offset, output.length);
    target.set(output, offset + 4);
    offset += 4 + output.length;
  }
};

interface ChunkPlan {
  readonly places: readonly { readonly chunk: number; readonly offset: number }[];
  readonly sizes: readonly number[];
}

/** Divides transactions into runs whose outputs share a chunk. */
const planChunks = (receipts: readonly StoredReceipt[]): ChunkPlan => {
  const sizes: number[] = [];
  const places = receipts.map(({ outputs }) => {
    if ((sizes.at(-1) ?? CHUNK_BYTES) >= CHUNK_BYTES) sizes.push(0);
    const chunk = sizes.length - 1;
    const offset = sizes[chunk] ?? 0;
    sizes[chunk] = offset + outputsSize(outputs);
    return { chunk, offset };
  });
  return { places, sizes };
};

/** Lays out the receipts of a block. */
export const packReceipts = (receipts: readonly StoredReceipt[]): PackedReceipts => {
  if (receipts.length > MAX_BLOCK_TRANSACTIONS) {
    throw ledgerErrors.error('LEDGER_INPUT_INVALID', { reason: 'too many receipts', count: receipts.length });
  }
  const { places, sizes } = planChunks(receipts);
  const chunks = sizes.map((size) => new Uint8Array(size));
  const tableEnd = 4 + receipts.length * ENTRY_BYTES;
  const packed = new Uint8Array(receipts.reduce((size, { receipt }) => size + receipt.length, tableEnd));
  const view = new DataView(packed.buffer);
  view.setUint32(0, receipts.length);
  let end = tableEnd;
  receipts.forEach(({ transactionId, receipt, outputs }, index) => {
    const place = places[index];
    const chunk = place === undefined ? undefined : chunks[place.chunk];
    if (place === undefined || chunk === undefined || outputs.length > MAX_OUTPUTS) {
      throw ledgerErrors.error('LEDGER_INPUT_INVALID', { reason: 'too many outputs', index });
    }
    const entry = 4 + index * ENTRY_BYTES;
    packed.set(fromHex(transactionId), entry);
    packed.set(receipt, end);
    end += receipt.length;
    view.setUint32(entry + 32, end);
    view.setUint16(entry + 36, place.chunk);
    view.setUint32(entry + 38, place.offset);
    writeOutputs(chunk, place.offset, outputs);
  });
  return { receipts: packed, chunks };
};

/** Number of receipts in a packed record, or undefined when it is malformed. */
export const receiptCount = (packed: Uint8Array): number | undefined => {
  if (packed.length < 4) return undefined;
  const count = new DataView(packed.buffer, packed.byteOffset).getUint32(0);
  return count <= MAX_BLOCK_TRANSACTIONS && packed.length >= 4 + count * ENTRY_BYTES ? count : undefined;
};

/** The transaction id of an entry that `packReceipts` just wrote, as bytes. */
export const packedId = (packed: Uint8Array, index: number): Uint8Array =>
  packed.subarray(4 + index * ENTRY_BYTES, 4 + index * ENTRY_BYTES + 32);

/** One entry of a packed record, or undefined when it is out of range or malformed. */
export const receiptEntry = (packed: Uint8Array, index: number): ReceiptEntry | undefined => {
  const count = receiptCount(packed);
  if (count === undefined || index >= count) return undefined;
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const tableEnd = 4 + count * ENTRY_BYTES;
  const entry = 4 + index * ENTRY_BYTES;
  const start = index === 0 ? tableEnd : view.getUint32(entry - ENTRY_BYTES + 32);
  const end = view.getUint32(entry + 32);
  if (start < tableEnd || end < start || end > packed.length) return undefined;
  return {
    transactionId: toHex(packed.subarray(entry, entry + 32)) as TransactionId,
    receipt: packed.slice(start, end),
    chunk: view.getUint16(entry + 36),
    offset: view.getUint32(entry + 38),
  };
};

/** The outputs that start at an offset of a chunk, or undefined when malformed. */
export const outputsAt = (chunk: Uint8Array, start: number): readonly Uint8Array[] | undefined => {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (start + 2 > chunk.length) return undefined;
  const outputs: Uint8Array[] = [];
  let offset = start + 2;
  for (let left = view.getUint16(start); left > 0; left -= 1) {
    if (offset + 4 > chunk.length) return undefined;
    const end = offset + 4 + view.getUint32(offset);
    if (end > chunk.length) return undefined;
    outputs.push(chunk.slice(offset + 4, end));
    offset = end;
  }
  return outputs;
};
