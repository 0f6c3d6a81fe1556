/** Builders for tests of the node's parts: envelopes that hash as they should, headers that commit to them. */
import { seededBytes } from '../../support/enclave-network.ts';
import type { TransactionId } from '../../../protocol/brand.ts';
import { type BlockBody, summarize } from '../../../protocol/consensus/body.ts';
import type { Header } from '../../../protocol/consensus/header.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import { basePoint } from '../../../consensus/state.ts';
import { anchorOf, blockOn, type TestBlock } from '../consensus/harness.ts';

/** Bytes that stand for an envelope: different for every number, always the same for one. */
export const envelopeOf = (number: number, length = 600): Uint8Array => seededBytes(number)(length);

/** Their transaction ids. */
export const idsOf = (body: BlockBody): TransactionId[] => body.map(transactionId);

/** A header of the first block that commits to a body. */
export const headerOf = (body: BlockBody, change: Partial<Header> = {}): TestBlock => {
  const { txRoot, txCount, bodyBytes } = summarize(body, idsOf(body));
  return blockOn(4, basePoint(anchorOf(4)), 1, {
    transactions: txCount,
    change: { txRoot, txCount, bodyBytes, ...change },
  });
};
