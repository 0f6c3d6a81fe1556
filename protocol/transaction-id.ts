/** Identity of a transaction: the hash of its public envelope, so that a resend is always the same transaction. */
import type { TransactionId } from './brand.ts';
import { domainHash } from './hash.ts';

/** Identifier of the transaction that these envelope bytes are. */
export const transactionId = (envelopeBytes: Uint8Array): TransactionId =>
  domainHash('cloister/transaction', envelopeBytes) as TransactionId;
