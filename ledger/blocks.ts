/** What the ledger stores and gives back: encoded and sealed bytes with the few facts that it indexes. */
import type { BlockHash, Height } from '../protocol/brand.ts';
import type { StoredReceipt } from './receipt-records.ts';

/** A finalised block that may still wait for its body and for execution. */
export interface FinalisedBlock {
  readonly height: Height;
  readonly blockHash: BlockHash;
  readonly header: Uint8Array;
  /** Epoch whose last block this is; the ledger indexes it. */
  readonly closesEpoch?: number | undefined;
  readonly body?: Uint8Array | undefined;
  readonly finality?: Uint8Array | undefined;
  /** Beside the header record: why views below the block were skipped, found by epoch and view. */
  readonly nullifications?: readonly StoredNullification[] | undefined;
}

/** Proof that a view was skipped. */
export interface StoredNullification {
  readonly epoch: number;
  readonly view: number;
  readonly certificate: Uint8Array;
}

/** Everything that one executed height adds. */
export interface ExecutedBlock {
  readonly height: Height;
  readonly blockHash: BlockHash;
  readonly header: Uint8Array;
  readonly closesEpoch?: number | undefined;
  readonly body: Uint8Array;
  readonly finality?: Uint8Array | undefined;
  readonly nullifications?: readonly StoredNullification[] | undefined;
  readonly writeSet: Uint8Array;
  readonly receipts: readonly StoredReceipt[];
  readonly statement: Uint8Array;
  readonly enclaveSignature: Uint8Array;
  /** Where it is known already, it becomes durable with the height. */
  readonly resultCertificate?: Uint8Array | undefined;
}

/** How far the ledger got; hashes are undefined at height 0. */
export interface LedgerHead {
  readonly height: Height;
  readonly blockHash: BlockHash | undefined;
  readonly finalisedHeight: Height;
  readonly finalisedHash: BlockHash | undefined;
}

/** A stored block; body and finality are undefined while they have not arrived. */
export interface StoredBlock {
  readonly height: Height;
  readonly blockHash: BlockHash;
  readonly header: Uint8Array;
  readonly body: Uint8Array | undefined;
  readonly finality: Uint8Array | undefined;
}

/** A signed result statement as the enclave gave it. */
export interface StoredStatement {
  readonly statement: Uint8Array;
  readonly enclaveSignature: Uint8Array;
}

/** One executed height as `replay` gives it. */
export interface ReplayedHeight extends StoredStatement {
  readonly height: Height;
  readonly blockHash: BlockHash;
  readonly header: Uint8Array;
  readonly writeSet: Uint8Array;
}

/** A receipt with its place in the chain. */
export interface LocatedReceipt extends StoredReceipt {
  readonly height: Height;
  readonly index: number;
}
