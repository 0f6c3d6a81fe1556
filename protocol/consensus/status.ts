/**
 * STATUS: what a validator holds and its own votes, so that any peer can send exactly what is missing (R11).
 *
 * The channel authenticates the sender; nothing is concluded from the claims except which stored certificates to send
 * back, and each vote inside is verified on its own. Hence STATUS itself carries no signature.
 */
import { type Codec, list, struct, u8 } from '../codec.ts';
import type { BlockHash, Epoch, Height, View } from '../brand.ts';
import { blockHashCodec, epochCodec, heightCodec, viewCodec } from '../scalars.ts';
import { type Vote, type VoteKind, type VoteStatement, voteCodec } from './vote.ts';

/** Most views that a status describes, the newest; what lies further back is pulled by whoever needs it. */
const MAX_STATUS_VIEWS = 64;
/** Most FINALIZE votes in a status; a committed view finalises all below it. */
export const MAX_STATUS_VOTES = 64;

/** Bit of `have` for a held notarization. */
export const HAVE_NOTARIZATION = 1;
/** Bit of `have` for a held nullification. */
export const HAVE_NULLIFICATION = 2;
/** Bits of `have` for the sender's own votes of the view. */
export const VOTED: Readonly<Record<VoteKind, number>> = { notarize: 4, nullify: 8, finalize: 16 };

/** One validator's view of the current round. */
export interface Status {
  readonly epoch: Epoch;
  /** The current view. */
  readonly view: View;
  readonly finalizedView: View;
  readonly finalizedHash: BlockHash;
  /** Height of the finalised block; a hint for whom to ask, never a target. */
  readonly finalizedHeight: Height;
  /** For view `firstDescribed + i`: which certificates the sender holds, and what it voted. */
  readonly have: readonly number[];
  /** Own votes of the current view and own FINALIZE votes above the finalised view. */
  readonly votes: readonly Vote[];
}

/** A status on the wire. */
export const statusCodec: Codec<Status> = struct({
  epoch: epochCodec,
  view: viewCodec,
  finalizedView: viewCodec,
  finalizedHash: blockHashCodec,
  finalizedHeight: heightCodec,
  have: list(u8, MAX_STATUS_VIEWS),
  votes: list(voteCodec, MAX_STATUS_VOTES + 2),
});

/** First view that a status describes. */
export const firstDescribed = ({ view, finalizedView }: Pick<Status, 'view' | 'finalizedView'>): View =>
  Math.max(finalizedView + 1, view - MAX_STATUS_VIEWS + 1) as View;

/**
 * Whether the sender need not be reminded of a vote that its key signed: it says that it voted, and for nothing else, or
 * the view is final for it, or lies further back than a status describes.
 */
export const needsNoReminder = ({ have, votes, ...status }: Status, { kind, view, hash }: VoteStatement): boolean => {
  const first = firstDescribed(status);
  if (view < first) return true;
  const told = votes.find((vote) => vote.kind === kind && vote.view === view);
  return ((have[view - first] ?? 0) & VOTED[kind]) !== 0 && (told === undefined || told.hash === hash);
};
