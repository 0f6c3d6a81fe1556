/**
 * What the HTTP layer needs from the node, and nothing more. Implemented by the node's composition root and, over a
 * tiny in-process enclave, by the tests.
 *
 * Everything that passes here is public or sealed. Envelopes were decoded and checked statically (size, chain id)
 * before they arrive; whether they are admitted is for the enclave to say.
 */
import type { Hash, Height, PublicKey, TransactionId } from '../../protocol/brand.ts';
import type { BlockSummary, NodeStatus } from '../../protocol/api.ts';
import type { GovernanceTransaction } from '../../protocol/consensus/governance.ts';
import type { ParsedEnvelope } from '../../protocol/envelope.ts';
import type { Genesis } from '../../protocol/genesis.ts';
import type { ApiErrorCode } from './errors.ts';

/** An envelope as it arrived, with what its bytes say. */
export type SubmittedEnvelope = ParsedEnvelope;

/** What proves the receipts of one block; the same object for all transactions of the block. */
export interface CommittedBlockProof {
  readonly height: Height;
  /** Number of receipts in the block. */
  readonly count: number;
  /** Encoded result certificate. */
  readonly certificate: Uint8Array;
}

/** An executed transaction whose result is certified and durable. */
export interface CommittedTransaction {
  readonly kind: 'committed';
  readonly transactionId: TransactionId;
  readonly block: CommittedBlockProof;
  readonly index: number;
  /** Encoded receipt. */
  readonly receipt: Uint8Array;
  /** Sibling hashes from the receipt to the receipts root. */
  readonly path: readonly Uint8Array[];
  /** Sealed outputs, the caller's first. */
  readonly outputs: readonly Uint8Array[];
}

/** What became of a submitted envelope by the time of the answer. */
export type SubmitOutcome =
  | CommittedTransaction
  | { readonly kind: 'accepted'; readonly transactionId: TransactionId }
  | {
      readonly kind: 'refused';
      readonly transactionId: TransactionId;
      readonly code: ApiErrorCode;
      /** When to send it again, for codes that are retryable. */
      readonly retryAfterSeconds?: number;
    };

/** A transaction that the node knows. */
export type KnownTransaction =
  | CommittedTransaction
  | { readonly kind: 'pending'; readonly transactionId: TransactionId };

/** Outcome of a query. */
export type QueryOutcome =
  | { readonly kind: 'answered'; readonly sealedAnswer: Uint8Array }
  | { readonly kind: 'refused'; readonly code: ApiErrorCode };

/** A final block. */
export interface KnownBlock {
  readonly summary: BlockSummary;
  readonly transactionIds: readonly TransactionId[];
  /** Encoded result certificate, once there is one. */
  readonly certificate: Uint8Array | undefined;
}

/** One enclave's signed statement of the present epoch key. */
export interface SignedEpochKey {
  readonly enclaveKey: PublicKey;
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

/** A change of the configuration that waits. */
export interface PendingChangeDocument {
  readonly id: Hash;
  readonly transaction: GovernanceTransaction;
  readonly threshold: number;
  /** What is missing, in words; empty when the next block may carry it. */
  readonly waitingFor: string;
}

/** How a submission is to be treated. */
export interface SubmitOptions {
  /** How long to wait for results; 0 answers after admission. */
  readonly waitMs: number;
  /** Address of the client, for quotas. */
  readonly source: string;
  /** Aborts when the client is gone: waiting ends, accepted transactions stay. */
  readonly signal: AbortSignal;
}

/** Whether the node serves clients, and if not, why: codes and counts, no data. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** The node, as its HTTP layer sees it. Failures are thrown as CloisterError; those with a status reach the client. */
export interface ApiService {
  readonly genesis: Genesis;
  /** One outcome for each envelope, in order. */
  submit(envelopes: readonly SubmittedEnvelope[], options: SubmitOptions): Promise<readonly SubmitOutcome[]>;
  query(sealedQuery: Uint8Array, signal: AbortSignal): Promise<QueryOutcome>;
  transaction(id: TransactionId): Promise<KnownTransaction | undefined>;
  block(height: Height): Promise<KnownBlock | undefined>;
  /** Statements of the present epoch key, from as many enclaves as are known. */
  epochKeys(): readonly SignedEpochKey[];
  /** Number of the present epoch. */
  epoch(): number;
  /** Encoded proofs of the changes of epoch from `from` on, at most `limit`. */
  epochProofs(from: number, limit: number): readonly Uint8Array[];
  /** Takes a change of the configuration, complete or not. Throws GOVERNANCE_REFUSED. */
  propose(transaction: GovernanceTransaction): PendingChangeDocument;
  /** Changes of the configuration that wait. */
  pendingChanges(): readonly PendingChangeDocument[];
  status(): NodeStatus;
  ready(): Readiness;
  /** Newest height that `block` answers; 0 before the first block. */
  head(): number;
  /** Calls the listener whenever `head` has grown; returns how to stop. */
  onHead(listener: () => void): () => void;
}
