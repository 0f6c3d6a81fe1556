/**
 * R8 Nullify: vote to skip the current view when it cannot or does not come to a block in time. Never together with an
 * own FINALIZE of the view; NOTARIZE and NULLIFY may coexist, so no vote ever blocks the way.
 */
import { ZERO_HASH } from '../protocol/consensus/vote.ts';
import { cast, mayVote } from './cast.ts';
import { SILENT_PERIODS, STATUS_PERIOD_MS } from './constants.ts';
import { type CoreState, leaderOf, viewOf } from './state.ts';
import type { Turn } from './turn.ts';
import type { Judgement } from './validity.ts';
import { hasWork } from './work.ts';

/** Nothing was heard from the leader for three STATUS periods while a quorum is heard. */
const leaderSilent = (state: CoreState, nowMs: number): boolean => {
  const leader = leaderOf(state, state.current);
  if (leader === state.config.self) return false;
  const horizon = nowMs - SILENT_PERIODS * STATUS_PERIOD_MS;
  if ((state.heardAtMs[leader] ?? 0) > horizon) return false;
  const heard = state.heardAtMs.filter((at, index) => index === state.config.self || at > horizon).length;
  return heard >= state.quorum;
};

/** Casts NULLIFY for the current view if one of the reasons of R8 holds. */
export const nullifyCurrent = (turn: Turn, judgement: Judgement | undefined): void => {
  const { state, now } = turn;
  if (!mayVote(state, turn)) return;
  const view = viewOf(state, state.current);
  if (view.own.nullify || view.own.finalize !== undefined) return;
  const timedOut = state.viewTimerAtMs !== undefined && now.monotonicMs >= state.viewTimerAtMs;
  const hopeless = judgement === 'invalid' || view.equivocation || state.buildFailed;
  const others = view.nullifyCount > state.faults || view.nullify[leaderOf(state, state.current)] !== undefined;
  const silent = view.proposal === undefined && hasWork(state, now.monotonicMs) && leaderSilent(state, now.monotonicMs);
  if (timedOut || hopeless || others || silent) cast(turn, 'nullify', state.current, ZERO_HASH);
};
