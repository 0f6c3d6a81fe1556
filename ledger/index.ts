/** The encrypted replica and the write-ahead log: what other rooms may use of this folder. */
export type {
  ExecutedBlock,
  FinalisedBlock,
  LedgerHead,
  LocatedReceipt,
  ReplayedHeight,
  StoredBlock,
  StoredStatement,
} from './blocks.ts';
export { ledgerErrors } from './errors.ts';
export { Ledger, type LedgerOptions } from './ledger.ts';
export type { StoredReceipt } from './receipt-records.ts';
export { type AuditedHeight, type LedgerProblem, verifyLedger, type VerifyHooks, type VerifyReport } from './verify.ts';
export { type OpenedWal, type WalOptions, type WalRecord, type WalReport, WriteAheadLog } from './wal.ts';
