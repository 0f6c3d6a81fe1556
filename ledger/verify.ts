/**
 * Offline audit of a ledger: walks every executed height, checks the running chain, the digest of every record and
 * every index entry, and hands the content to the caller's verifier, which knows headers, certificates and roots.
 *
 * It goes on after a problem and names each one; the report is negative as soon as there is one.
 */
import { sha256 } from '#primitives';
import { type BlockHash, type Height, height as asHeight } from '../protocol/brand.ts';
import { decode, u64 } from '../protocol/codec.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { equalBytes, fromHex, toHex } from '../protocol/hex.ts';
import type { StoredStatement } from './blocks.ts';
import type { Ledger } from './ledger.ts';
import { readLink } from './ledger-open.ts';
import { SIGNATURE_BYTES } from './ledger-reader.ts';
import { outputsAt, receiptCount, receiptEntry, type StoredReceipt } from './receipt-records.ts';
import type { RecordStore } from './record-store.ts';
import { blockCodec, type ChainRecord, digestOfParts, type RecordKind } from './records.ts';

/** Everything stored for one executed height; digests and chain are checked already. */
export interface AuditedHeight extends StoredStatement {
  readonly height: Height;
  readonly blockHash: BlockHash;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  readonly finality: Uint8Array | undefined;
  readonly writeSet: Uint8Array;
  readonly receipts: readonly StoredReceipt[];
  readonly resultCertificate: Uint8Array | undefined;
}

/** One thing that is wrong. */
export interface LedgerProblem {
  readonly height: number;
  readonly record: string;
  readonly reason: string;
}

/** What the caller adds to the audit. */
export interface VerifyHooks {
  /** Checks protocol content (hash of the header, certificates, roots); gives one sentence per problem. */
  readonly checkHeight?: (audited: AuditedHeight) => readonly string[] | Promise<readonly string[]>;
  /** Called after each height. */
  readonly progress?: (height: number, lastHeight: number) => void;
  /** Stops the audit between two heights. */
  readonly signal?: AbortSignal;
}

/** Outcome of an audit. */
export interface VerifyReport {
  readonly intact: boolean;
  readonly heights: number;
  readonly transactions: number;
  readonly finalisedHeight: number;
  readonly certificates: number;
  readonly problems: readonly LedgerProblem[];
  /** Whether problems beyond the first hundred were left out. */
  readonly problemsLeftOut: boolean;
}

const MAX_PROBLEMS = 100;

/** The problems found so far. */
class ProblemList {
  readonly items: LedgerProblem[] = [];
  leftOut = false;

  add(problem: LedgerProblem): void {
    if (this.items.length < MAX_PROBLEMS) this.items.push(problem);
    else this.leftOut = true;
  }

  /** Runs a check and keeps the problem that it throws. */
  guard<T>(check: () => T): T | undefined {
    try {
      return check();
    } catch (failure) {
      if (!isCloisterError(failure, 'LEDGER_CORRUPT')) throw failure;
      const { height, record, reason } = failure.data;
      this.add({ height: Number(height), record: String(record), reason: String(reason) });
      return undefined;
    }
  }
}

/** Audits an open ledger. */
export const verifyLedger = async (ledger: Ledger, hooks: VerifyHooks = {}): Promise<VerifyReport> => {
  const { records, chainStart } = ledger.auditAccess();
  const head = ledger.head();
  const problems = new ProblemList();
  let previous: Uint8Array | undefined = chainStart;
  let transactions = 0;
  let certificates = 0;
  for (let height = 1; height <= head.height; height += 1) {
    hooks.signal?.throwIfAborted();
    const expected: Uint8Array | undefined = previous;
    const link: ChainRecord | undefined = problems.guard(() => readLink(records, height, expected));
    previous = link?.running;
    const audited = link === undefined ? undefined : auditHeight(records, height, link, problems);
    if (audited !== undefined) {
      transactions += audited.receipts.length;
      certificates += audited.resultCertificate === undefined ? 0 : 1;
      const reasons = (await hooks.checkHeight?.(audited)) ?? [];
      for (const reason of reasons) problems.add({ height, record: 'content', reason });
    }
    hooks.progress?.(height, head.height);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (let height = head.height + 1; height <= head.finalisedHeight; height += 1) {
    problems.guard(() => ledger.readBlock(asHeight(height)));
  }
  return {
    intact: problems.items.length === 0,
    heights: head.height,
    transactions,
    finalisedHeight: head.finalisedHeight,
    certificates,
    problems: problems.items,
    problemsLeftOut: problems.leftOut,
  };
};

/** Checks all records of one height; undefined when a part is not there to be handed on. */
const auditHeight = (
  records: RecordStore,
  height: number,
  link: ChainRecord,
  problems: ProblemList,
): AuditedHeight | undefined => {
  const part = (kind: RecordKind, digest: Uint8Array): Uint8Array | undefined =>
    problems.guard(() => {
      const content = records.require(kind, height);
      if (!equalBytes(sha256(content), digest))
        problems.add({ height, record: kind, reason: 'is not the one of the running chain' });
      return content;
    });
  auditBlockRecords(records, height, link, problems);
  const header = part('header', link.header);
  const body = part('body', link.body);
  const finality =
    link.finality === undefined
      ? problems.guard(() => records.get('finality', height))
      : part('finality', link.finality);
  const writeSet = part('write set', link.writeSet);
  const statement = part('statement', link.statement);
  const packed = part('receipts', link.receipts);
  const receipts = packed === undefined ? undefined : auditReceipts(records, { height, link, packed, problems });
  const resultCertificate = problems.guard(() => records.get('result certificate', height));
  if (
    header === undefined ||
    body === undefined ||
    writeSet === undefined ||
    statement === undefined ||
    receipts === undefined
  )
    return undefined;
  return {
    height: asHeight(height),
    blockHash: toHex(link.blockHash) as BlockHash,
    header,
    body,
    finality,
    writeSet,
    receipts,
    resultCertificate,
    enclaveSignature: statement.slice(0, SIGNATURE_BYTES),
    statement: statement.slice(SIGNATURE_BYTES),
  };
};

const auditBlockRecords = (records: RecordStore, height: number, link: ChainRecord, problems: ProblemList): void => {
  problems.guard(() => {
    const block = records.getDecoded('block', height, blockCodec);
    if (block === undefined) problems.add({ height, record: 'block', reason: 'missing' });
    else if (!equalBytes(block.blockHash, link.blockHash))
      problems.add({ height, record: 'block', reason: 'is not the one of the running chain' });
  });
  problems.guard(() => {
    const index = records.getBlockIndex(link.blockHash);
    if (index === undefined) problems.add({ height, record: 'block index', reason: 'missing' });
    else if (decode(u64, index, index.length) !== height)
      problems.add({ height, record: 'block index', reason: 'points to another height' });
  });
};

interface ReceiptAudit {
  readonly height: number;
  readonly link: ChainRecord;
  readonly packed: Uint8Array;
  readonly problems: ProblemList;
}

const auditReceipts = (
  records: RecordStore,
  { height, link, packed, problems }: ReceiptAudit,
): readonly StoredReceipt[] | undefined => {
  const chunks: Uint8Array[] = [];
  for (let chunk = 0; chunk < link.outputChunks; chunk += 1) {
    const content = problems.guard(() => records.require('outputs', height, chunk));
    if (content === undefined) return undefined;
    chunks.push(content);
  }
  if (!equalBytes(digestOfParts(chunks), link.outputs)) {
    problems.add({ height, record: 'outputs', reason: 'is not the one of the running chain' });
  }
  if (receiptCount(packed) !== link.transactions)
    problems.add({ height, record: 'receipts', reason: 'holds another number of receipts' });
  const receipts: StoredReceipt[] = [];
  for (let index = 0; index < link.transactions; index += 1) {
    const entry = receiptEntry(packed, index);
    const chunk = entry === undefined ? undefined : chunks[entry.chunk];
    const outputs = entry === undefined || chunk === undefined ? undefined : outputsAt(chunk, entry.offset);
    if (entry === undefined || outputs === undefined) {
      problems.add({ height, record: 'receipts', reason: `receipt ${index} is malformed` });
      return undefined;
    }
    auditTransactionIndex(records, { height, index, transactionId: entry.transactionId }, problems);
    receipts.push({ transactionId: entry.transactionId, receipt: entry.receipt, outputs });
  }
  return receipts;
};

const auditTransactionIndex = (
  records: RecordStore,
  { height, index, transactionId }: { height: number; index: number; transactionId: string },
  problems: ProblemList,
): void => {
  problems.guard(() => {
    const place = records.getTransactionIndex(fromHex(transactionId));
    const earlier = place !== undefined && (place.height < height || (place.height === height && place.index < index));
    if (earlier || (place?.height === height && place.index === index)) return;
    problems.add({
      height,
      record: 'transaction index',
      reason: place === undefined ? 'missing' : 'points to another place',
    });
  });
};
