/** From what the service knows to the documents of `protocol/api.ts`. */
import type {
  BlockDocument,
  BlockProof,
  CommittedResult,
  NetworkDocument,
  SubmitReply,
  SubmitResult,
  TransactionDocument,
} from '../../protocol/api.ts';
import type { Hash } from '../../protocol/brand.ts';
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
  SubmitOutcome,
} from './service.ts';

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
  epochKeys: service.epochKeys().map(({ validator, statement, signature }) => ({
    validator,
    statement: toBase64(statement),
    signature: toBase64(signature),
  })),
});
