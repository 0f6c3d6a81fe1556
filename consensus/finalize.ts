/**
 * R6 Finalise: on a notarization of a block at v, vote for its finality unless we voted to skip v or notarised another
 * block there. Considered once per notarization: the conditions can only become false later. The body is not needed.
 */
import { cast, mayVote } from './cast.ts';
import type { Turn } from './turn.ts';

/** Casts FINALIZE for every notarization not considered yet, of the current view or an older one. */
export const finalizeNotarized = (turn: Turn): void => {
  const { state } = turn;
  if (state.unconsidered.length === 0 || !mayVote(state, turn)) return;
  for (const number of state.unconsidered) {
    const notarization = state.views.get(number)?.notarization;
    if (notarization !== undefined) cast(turn, 'finalize', number, notarization.hash);
  }
  state.unconsidered = [];
};
