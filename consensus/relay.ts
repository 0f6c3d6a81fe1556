/**
 * R1 Relay: who passes a certificate on. All votes go to all validators, so that each makes certificates by itself; relaying
 * is for those whom some votes did not reach. A few validators, others in every view, relay at once. For whoever they do
 * not reach either, the next proposal carries the certificate, and STATUS (R11) asks for it.
 */
import type { View } from '../protocol/brand.ts';
import { RELAYS, VIEW_WINDOW } from './constants.ts';
import { type CoreState, leaderOf } from './state.ts';

/**
 * Whether this validator relays certificates of a view: the leaders of the next views but one do, as the next one proposes.
 * A certificate of a view long past is no news to anybody.
 */
export const isRelay = (state: CoreState, view: View): boolean => {
  if (view + VIEW_WINDOW < state.current) return false;
  for (let after = 2; after < 2 + RELAYS; after += 1)
    if (leaderOf(state, (view + after) as View) === state.config.self) return true;
  return false;
};
