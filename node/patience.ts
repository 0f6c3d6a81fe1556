/**
 * How long a peer may take to answer before the same question is put again, as TCP retransmits: a few round trips to that
 * peer, or as much longer as its answers to such questions take; twice as long after each silence. Bounded both ways, so
 * that a slow link is not flooded with repeated questions and a silent peer holds nobody up for long.
 */
import type { ConsensusRequest } from '../protocol/consensus/request.ts';
import type { PeerName } from './network/types.ts';
import type { RoundTrips } from './round-trips.ts';

/** Shortest wait: an answer may have to wait for a block in execution. */
const LEAST_PATIENCE_MS = 250;
/** Wait for a peer that nothing is known of. */
const FIRST_PATIENCE_MS = 1_000;
/** Longest wait: the largest answer over a slow link. */
const MOST_PATIENCE_MS = 5_000;
/** Round trips, or times that the last answer took, before an answer counts as lost. */
const TIMES = 4;

/** See the module comment. */
export class Patience {
  readonly #roundTrips: Pick<RoundTrips, 'of'>;
  /** What answers taught, by peer and kind of question. */
  readonly #learned = new Map<string, number>();

  constructor(roundTrips: Pick<RoundTrips, 'of'>) {
    this.#roundTrips = roundTrips;
  }

  /** How long to wait for a peer's answer to such a question. */
  waitMs(peer: PeerName, kind: ConsensusRequest['kind']): number {
    const learned = this.#learned.get(`${peer} ${kind}`) ?? 0;
    const roundTrip = this.#roundTrips.of(peer);
    const expected = roundTrip === undefined && learned === 0 ? FIRST_PATIENCE_MS : TIMES * (roundTrip ?? 0);
    return Math.min(MOST_PATIENCE_MS, Math.max(LEAST_PATIENCE_MS, expected, learned));
  }

  /** An answer came. */
  answered(peer: PeerName, kind: ConsensusRequest['kind'], tookMs: number): void {
    this.#learned.set(`${peer} ${kind}`, TIMES * tookMs);
  }

  /** None came in time. */
  silent(peer: PeerName, kind: ConsensusRequest['kind']): void {
    this.#learned.set(`${peer} ${kind}`, 2 * this.waitMs(peer, kind));
  }
}
