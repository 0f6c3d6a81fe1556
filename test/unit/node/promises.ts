/** Builders of votes and final points for tests that move keys. */
import type { BlockHash } from '../../../protocol/brand.ts';
import { epoch as asEpoch, height, view as asView } from '../../../protocol/brand.ts';
import { type VoteKind, type VoteStatement, ZERO_HASH } from '../../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../../protocol/consensus/wal-record.ts';

/** A hash that depends on its label. */
export const hashOf = (label: number): BlockHash => label.toString(16).padStart(64, '1') as BlockHash;

/** A vote; NULLIFY names no block. */
export const statement = (epoch: number, view: number, kind: VoteKind, label = view): VoteStatement => ({
  kind,
  epoch: asEpoch(epoch),
  view: asView(view),
  hash: kind === 'nullify' ? ZERO_HASH : hashOf(label),
});

/** Its record. */
export const vote = (epoch: number, view: number, kind: VoteKind, label = view): WalRecord => ({
  kind: 'vote',
  vote: statement(epoch, view, kind, label),
});

/** The record that a view is final. */
export const final = (epoch: number, view: number): WalRecord => ({
  kind: 'finalized',
  epoch: asEpoch(epoch),
  view: asView(view),
  height: height(view),
  block: hashOf(view),
});

/** A history of two epochs: promises below and above the floor of each. */
export const HISTORY: readonly WalRecord[] = [
  vote(1, 3, 'notarize'),
  vote(1, 3, 'finalize'),
  final(1, 3),
  vote(1, 4, 'nullify'),
  vote(2, 1, 'notarize'),
  final(2, 1),
  vote(2, 2, 'notarize'),
  vote(2, 2, 'nullify'),
  vote(2, 3, 'notarize'),
  vote(2, 3, 'finalize'),
];
