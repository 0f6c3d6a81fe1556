/** Block bodies: the ordered envelopes of a block, and their binding to the header. */
import type { Hash, TransactionId } from '../brand.ts';
import { byteString, type Codec, list } from '../codec.ts';
import { fromHex } from '../hash.ts';
import { MAX_BLOCK_TRANSACTIONS, MAX_ENVELOPE_BYTES } from '../limits.ts';
import { merkleRoot } from '../merkle.ts';
import { transactionId } from '../transaction-id.ts';
import type { Header } from './header.ts';

/** Encoded envelopes, in execution order. */
export type BlockBody = readonly Uint8Array[];

/** A body on the wire and at rest. */
export const blockBodyCodec: Codec<BlockBody> = list(byteString(MAX_ENVELOPE_BYTES), MAX_BLOCK_TRANSACTIONS);

/** Transaction root of ordered ids. */
export const transactionRoot = (ids: readonly TransactionId[]): Hash => merkleRoot(ids.map((id) => fromHex(id)));

/** Transaction root of a block without transactions. */
export const EMPTY_TRANSACTION_ROOT: Hash = transactionRoot([]);

/** What a header says about a body. */
export interface BodySummary {
  readonly txRoot: Hash;
  readonly txCount: number;
  readonly bodyBytes: number;
}

/** Summary of a body whose transaction ids are known. */
export const summarize = (body: BlockBody, ids: readonly TransactionId[]): BodySummary => ({
  txRoot: transactionRoot(ids),
  txCount: body.length,
  bodyBytes: body.reduce((sum, envelope) => sum + envelope.length, 0),
});

/** Why bytes are not the body of a header. A mismatch is the sender's fault, a duplicate the proposer's (V6). */
export type BodyFault = 'BODY_MISMATCH' | 'BODY_DUPLICATE';

/** Checks a body, of which the caller may know the transaction ids, against its header; undefined means that it is the body. */
export const bodyFault = (
  body: BlockBody,
  header: Header,
  ids: readonly TransactionId[] = body.map(transactionId),
): BodyFault | undefined => {
  const summary = summarize(body, ids);
  if (summary.txCount !== header.txCount || summary.bodyBytes !== header.bodyBytes) return 'BODY_MISMATCH';
  if (summary.txRoot !== header.txRoot) return 'BODY_MISMATCH';
  return new Set(ids).size === ids.length ? undefined : 'BODY_DUPLICATE';
};
