/** From what the service knows to the documents of `protocol/api.ts`. */
import {
  type BlockDocument,
  type BlockProof,
  type CommittedResult,
  type EpochsDocument,
  MAX_EPOCH_PROOFS,
  type NetworkDocument,
  type PendingChange,
  type SubmitReply,
  type SubmitResult,
  type TransactionDocument,
} from '../../protocol/api.ts';
import type { Hash } from '../../protocol/brand.ts';
import { encode } from '../../protocol/codec.ts';
import { governanceTransactionCodec } from '../../protocol/consensus/governance.ts';
import { chainIdOf } from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import { toBase64 } from '../../protocol/json-shape.ts';
import { platformNotice } from '../../protocol/receipt.ts';
import { apiErrors } from './errors.ts';
import type {
  ApiService,
  CommittedBlockProof,
  CommittedTransaction,
  KnownBlock,
  KnownTransaction,
  PendingChangeDocument,
  SubmitOutcome,
} from './service.ts';

/** Soft bound on the proofs of one answer. */
const MAX_EPOCHS_ANSWER_BYTES = 1024 * 1024;

const blockProof = (proof: CommittedBlockProof): BlockProof => ({
  height: proof.height,
  count: proof.count,
  certificate: toBase64(proof.certificate),
});

const committed = (transaction: CommittedTransaction): CommittedResult => ({
  status: 'committed',
  transactionId: transaction.transactionId,
  height: transaction.block.height,
  index: transaction.index,
  receipt: toBase64(transaction.receipt),
  path: transaction.path.map((sibling) => toHex(sibling) as Hash),
  outputs: transaction.outputs.map(toBase64),
});

const submitResult = (outcome: SubmitOutcome): SubmitResult => {
  if (outcome.kind === 'committed') return committed(outcome);
  if (outcome.kind === 'accepted') return { status: 'accepted', transactionId: outcome.transactionId };
  const { retryable, hint } = apiErrors.table[outcome.code];
  return { status: 'refused', transactionId: outcome.transactionId, code: outcome.code, retryable, hint };
};

/** The answer to a submission: each block's proof once. */
export const submitReply = (outcomes: readonly SubmitOutcome[]): SubmitReply => {
  const proofs = new Map<number, CommittedBlockProof>();
  for (const outcome of outcomes) {
    if (outcome.kind === 'committed') proofs.set(outcome.block.height, outcome.block);
  }
  return { results: outcomes.map(submitResult), blocks: [...proofs.values()].map(blockProof) };
};

/** A transaction by id. */
export const transactionDocument = (transaction: KnownTransaction): TransactionDocument =>
  transaction.kind === 'pending'
    ? { status: 'pending', transactionId: transaction.transactionId }
    : { ...committed(transaction), block: blockProof(transaction.block) };

/** A block by height. */
export const blockDocument = (block: KnownBlock): BlockDocument => ({
  block: block.summary,
  transactionIds: block.transactionIds,
  ...(block.certificate !== undefined && { certificate: toBase64(block.certificate) }),
});

/** What a wallet verifies first. */
export const networkDocument = (service: ApiService): NetworkDocument => ({
  chainId: chainIdOf(service.genesis),
  platform: service.genesis.platform,
  notice: platformNotice(service.genesis.platform),
  genesis: service.genesis,
  epoch: service.epoch(),
  epochKeys: service.epochKeys().map(({ enclaveKey, statement, signature }) => ({
    enclaveKey,
    statement: toBase64(statement),
    signature: toBase64(signature),
  })),
});

/** Proofs of the changes of epoch from a number on; as many as fit into one answer, at least one where there is one. */
export const epochsDocument = (service: ApiService, from: number): EpochsDocument => {
  const proofs: string[] = [];
  let bytes = 0;
  for (const proof of service.epochProofs(from, MAX_EPOCH_PROOFS)) {
    bytes += proof.length;
    if (proofs.length > 0 && bytes > MAX_EPOCHS_ANSWER_BYTES) break;
    proofs.push(toBase64(proof));
  }
  return { epoch: service.epoch(), proofs };
};

/** A change of the configuration that waits. */
export const pendingChange = ({ id, transaction, threshold, waitingFor }: PendingChangeDocument): PendingChange => ({
  id,
  transaction: toBase64(encode(governanceTransactionCodec, transaction)),
  signatures: transaction.signatures.length,
  threshold,
  waitingFor,
});
