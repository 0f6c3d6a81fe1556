/**
 * How much each kind of misbehaviour weighs against the score limit of 100.
 *
 * What no honest node can do by accident weighs a third of a ban or all of it; what an overloaded node may do weighs
 * so little that only a lasting flood counts.
 */
import type { PenaltyCode } from './types.ts';

/** Default weights by code. */
export const PENALTY_WEIGHTS: Readonly<Record<PenaltyCode, number>> = {
  'malformed-frame': 34,
  'oversize-frame': 34,
  'message-rate': 0.02,
  'byte-rate': 0.5,
  'gossip-rate': 0.2,
  'gossip-rejected': 10,
  'request-rate': 0.5,
  'request-slots': 0.2,
  'request-malformed': 34,
  'response-malformed': 34,
  'overhead-rate': 51,
  'stream-churn': 5,
  'extra-connections': 5,
  'malformed-message': 34,
  'invalid-signature': 100,
  'invalid-message': 20,
};
