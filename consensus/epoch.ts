/**
 * R14 Epoch switch: a fresh core on the next epoch's base, taking along what outlives an epoch. An event of its own,
 * handed in by the driver after the old epoch is durable and delivered, never part of another event's handling: a stale
 * continuation must not meet new view numbers (consensus design §5.5).
 */
import type { ValidatorIndex } from '../protocol/brand.ts';
import { restore } from './restart.ts';
import { basePoint, type CoreState } from './state.ts';

/** The state of the next epoch; the given one unless its epoch has ended and was announced. */
export const nextEpoch = (state: CoreState, self: ValidatorIndex | undefined): CoreState => {
  const { ended, config } = state;
  if (ended?.announced !== true) return state;
  const { next, closing } = ended;
  const base = basePoint(next, closing.header.stateCert);
  const fresh = restore({ ...config, anchor: next, self }, base, state.later, state.recent);
  fresh.mempoolPending = state.mempoolPending;
  fresh.halted = state.halted;
  fresh.quietUntilMs = state.quietUntilMs;
  fresh.listens = state.listens;
  fresh.roundTripMs = state.roundTripMs;
  return fresh;
};
