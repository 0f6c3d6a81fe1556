/**
 * The one place where votes come into being.
 *
 * Guard: the durable map of own votes. At most one NOTARIZE a view; never NULLIFY and FINALIZE of one view; FINALIZE
 * only the block that we notarised, if any. The intent is recorded before the `cast` effect asks for the signature.
 */
import type { BlockHash, View } from '../protocol/brand.ts';
import { type VoteKind, ZERO_HASH } from '../protocol/consensus/vote.ts';
import type { FinalBlock } from './effect.ts';
import { type CoreState, type OwnVotes, viewOf } from './state.ts';
import type { Turn } from './turn.ts';

/** Whether this core may cast votes now, in its current view at least. */
export const mayVote = (state: CoreState, turn: Turn): boolean =>
  state.started &&
  !state.halted &&
  state.ended === undefined &&
  state.config.self !== undefined &&
  state.current > state.voteFloor &&
  turn.now.monotonicMs >= state.quietUntilMs &&
  !state.listens;

const permitted = (own: OwnVotes, kind: VoteKind, hash: BlockHash): boolean => {
  if (kind === 'notarize') return own.notarize === undefined && (own.finalize === undefined || own.finalize === hash);
  if (kind === 'nullify') return !own.nullify && own.finalize === undefined;
  return own.finalize === undefined && !own.nullify && (own.notarize === undefined || own.notarize === hash);
};

/** Casts a vote if the durable map permits it; says whether it did. `proposal` is set for the leader's own block. */
export const cast = (turn: Turn, kind: VoteKind, view: View, hash: BlockHash, proposal?: FinalBlock): boolean => {
  const { state } = turn;
  if (!mayVote(state, turn) || view <= state.finalized.view || view <= state.voteFloor) return false;
  const { own } = viewOf(state, view);
  if (!permitted(own, kind, hash)) return false;
  if (kind === 'notarize') own.notarize = hash;
  else if (kind === 'nullify') own.nullify = true;
  else own.finalize = hash;
  const vote = { kind, epoch: state.config.anchor.epoch, view, hash: kind === 'nullify' ? ZERO_HASH : hash };
  turn.records.push({ kind: 'vote', vote });
  turn.sync = true;
  turn.effects.push({ kind: 'cast', vote, audience: 'all', proposal });
  return true;
};
