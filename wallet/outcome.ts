/** From proven transactions to what the caller gets: the opened result, or the contract's refusal as an error. */
import type { Outcome } from '../protocol/call.ts';
import type { StateRoot, TransactionId } from '../protocol/brand.ts';
import { type OutputKeys, openOutput } from '../protocol/sealed-output.ts';
import type { ReceiptFile } from '../protocol/receipt.ts';
import { CallFailed, type CallPlace, CallRefused, walletErrors } from './errors.ts';
import type { ProvenTransaction } from './proof.ts';
import type { VerifiedNetwork } from './verify-network.ts';

/** A message that a contract sealed to this account. */
export interface ContractMessage {
  readonly contract: string;
  readonly value: unknown;
}

/** A call that took effect, with its proof. */
export interface CallResult<Result = unknown> {
  readonly result: Result;
  readonly transactionId: TransactionId;
  readonly height: number;
  readonly stateRoot: StateRoot;
  /** Consensus time of the block, ms since the Unix epoch. */
  readonly timeMs: number;
  readonly gasUsed: number;
  /** What the contract disclosed publicly; undefined when nothing. */
  readonly claims: unknown;
  /** The file that proves the call to anyone who knows the chain id. */
  readonly receipt: ReceiptFile;
  /** Messages of the transaction that are sealed to this account. */
  readonly outputs: readonly ContractMessage[];
  readonly simulated: boolean;
}

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw walletErrors.error('RESULT_UNREADABLE', {}, cause);
  }
};

/** The result of an outcome. Throws CallRefused or CallFailed when the contract did not answer. */
export const resultOf = (outcome: Outcome, place?: CallPlace): unknown => {
  switch (outcome.kind) {
    case 'ok':
      return parsed(outcome.result);
    case 'refused':
      throw new CallRefused(outcome.reason, outcome.detail === undefined ? undefined : parsed(outcome.detail), place);
    case 'failed':
      throw new CallFailed(outcome.code, place);
    case 'message':
      throw walletErrors.error('RESULT_UNREADABLE');
  }
};

const open = (
  transaction: ProvenTransaction,
  index: number,
  network: VerifiedNetwork,
  keys: OutputKeys,
): Outcome | undefined => {
  const sealed = transaction.outputs[index];
  if (sealed === undefined) return undefined;
  const place = { chainId: network.chainId, transactionId: transaction.receipt.transactionId, index };
  const verdict = openOutput(sealed, keys, place);
  return verdict.verdict === 'opened' ? verdict.outcome : undefined;
};

/** Messages of a transaction that these keys open. */
export const messagesTo = (
  transaction: ProvenTransaction,
  network: VerifiedNetwork,
  keys: OutputKeys,
): ContractMessage[] =>
  transaction.outputs.flatMap((_sealed, index) => {
    const outcome = index === 0 ? undefined : open(transaction, index, network, keys);
    return outcome?.kind === 'message' ? [{ contract: outcome.contract, value: parsed(outcome.json) }] : [];
  });

/** Opens the caller's own result. Throws RESULT_UNREADABLE, CallRefused or CallFailed. */
export const openResult = (transaction: ProvenTransaction, network: VerifiedNetwork, keys: OutputKeys): CallResult => {
  const { receipt, block } = transaction;
  const { statement } = block;
  const place = { transactionId: receipt.transactionId, height: statement.height };
  const outcome = open(transaction, 0, network, keys);
  if (outcome === undefined) throw walletErrors.error('RESULT_UNREADABLE', place);
  const result = resultOf(outcome, place);
  if (!receipt.succeeded) throw walletErrors.error('RESULT_UNREADABLE', place);
  return {
    result,
    ...place,
    stateRoot: statement.stateRoot,
    timeMs: statement.timeMs,
    gasUsed: receipt.gasUsed,
    claims: receipt.claims === '' ? undefined : parsed(receipt.claims),
    simulated: network.simulated,
    get receipt() {
      return transaction.receiptFile();
    },
    get outputs() {
      return messagesTo(transaction, network, keys);
    },
  };
};
