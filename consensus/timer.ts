/**
 * R9 Timer: t(v) = min(cap, T0 · 1.5^max(0, v − finalised view − 2)), ±5 %. Counted from the last *finalised* view:
 * counting from notarization stalls a slow network (consensus design §2.7 L3). T0 is the agreed base timeout, or three
 * measured round trips to a quorum where those take longer (O1): a slow network is not mistaken for dead leaders.
 */
import {
  GROWTH_FREE_VIEWS,
  MIN_REPAIR_MS,
  STATUS_PERIOD_MS,
  TIMEOUT_GROWTH,
  TIMEOUT_JITTER,
  TIMEOUT_ROUND_TRIPS,
} from './constants.ts';
import { mayVote } from './cast.ts';
import type { CoreState } from './state.ts';
import type { Turn } from './turn.ts';
import { hasUnfinished, hasWork, heartbeatAtMs } from './work.ts';

/** T0: the shortest view timeout. */
export const baseTimeoutMs = ({ parameters, roundTripMs }: CoreState): number =>
  Math.min(parameters.maxTimeoutMs, Math.max(parameters.baseTimeoutMs, TIMEOUT_ROUND_TRIPS * roundTripMs));

/** Timeout of the current view without jitter. */
export const viewTimeoutMs = (state: CoreState): number => {
  const growth = Math.max(0, state.current - state.finalized.view - GROWTH_FREE_VIEWS);
  return Math.min(state.parameters.maxTimeoutMs, baseTimeoutMs(state) * TIMEOUT_GROWTH ** growth);
};

/** A number in [−1, 1) that depends on validator and view only. */
const spread = (state: CoreState): number => {
  const mixed = Math.imul((state.config.self ?? 0) + 1, 0x9e3779b1) ^ Math.imul(state.current, 0x85ebca6b);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x80000000 - 1;
};

/** Interval of repair. */
export const repairMs = (state: CoreState): number => Math.max(MIN_REPAIR_MS, baseTimeoutMs(state) / 2);

/** Arms the view's timer when there is work, from now; stops it when there is none. */
export const tendViewTimer = (turn: Turn): void => {
  const { state, now } = turn;
  if (!hasWork(state, now.monotonicMs)) state.viewTimerAtMs = undefined;
  else state.viewTimerAtMs ??= now.monotonicMs + viewTimeoutMs(state) * (1 + TIMEOUT_JITTER * spread(state));
};

/** When STATUS is due next: every repair interval while something is unfinished in an old view, else every period. */
export const statusDueAtMs = (state: CoreState, nowMs: number): number => {
  const relaxed = state.statusAtMs + STATUS_PERIOD_MS;
  if (!hasWork(state, nowMs) && !hasUnfinished(state)) return relaxed;
  const interval = repairMs(state);
  return Math.min(relaxed, Math.max(state.statusAtMs, state.enteredAtMs) + interval);
};

/** Asks for the next wake-up when it changed. */
export const scheduleWake = (turn: Turn): void => {
  const { state, now } = turn;
  const nowMs = now.monotonicMs;
  let at = statusDueAtMs(state, nowMs);
  const own = state.views.get(state.current)?.own;
  const timing = state.viewTimerAtMs !== undefined && own?.nullify !== true && mayVote(state, turn);
  if (timing) at = Math.min(at, state.viewTimerAtMs ?? at);
  if (heartbeatAtMs(state) > nowMs && state.ended === undefined) at = Math.min(at, heartbeatAtMs(state));
  if (state.retryAtMs !== undefined) at = Math.min(at, state.retryAtMs);
  if (state.quietUntilMs > nowMs) at = Math.min(at, state.quietUntilMs);
  at = Math.max(at, nowMs + 1);
  if (state.wakeAtMs === at) return;
  state.wakeAtMs = at;
  turn.effects.push({ kind: 'wake', atMs: at });
};

/** Notes that something shall be tried again at a time. */
export const retryAt = (state: CoreState, atMs: number): void => {
  if (state.retryAtMs === undefined || atMs < state.retryAtMs) state.retryAtMs = atMs;
};
