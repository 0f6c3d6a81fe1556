/**
 * How long round trips take: to a peer, for the patience with its answers (`patience.ts`), and to a quorum, for the timers
 * of agreement (consensus design, O1).
 *
 * For each peer the p99 of its recent round trips; of those, the one that completes a quorum with us. Faulty peers that
 * delay their answers cannot raise it beyond the slowest of an honest quorum, nor can unreachable ones.
 */
import type { Epochs } from './epochs.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';

/** Round trips that are remembered of each peer, one every few seconds. */
const REMEMBERED = 100;
const PERCENTILE = 0.99;

/** Measured round trips by peer. */
export class RoundTrips {
  readonly #samples = new Map<PeerName, number[]>();

  /** Notes a round trip; a peer's oldest goes when there are many. */
  note(peer: PeerName, roundTripMs: number): void {
    const samples = this.#samples.get(peer) ?? [];
    samples.push(roundTripMs);
    if (samples.length > REMEMBERED) samples.shift();
    this.#samples.set(peer, samples);
  }

  /** Nearly the longest round trip to a peer of late (p99); undefined while none is measured. */
  of(peer: PeerName): number | undefined {
    const samples = this.#samples.get(peer);
    return samples === undefined ? undefined : percentile(samples);
  }

  /** Within which round trip `quorum` validators are reached, ourselves included; undefined while too few are measured. */
  toQuorum(validators: readonly PeerName[], quorum: number): number | undefined {
    const known = validators.flatMap((peer) => this.of(peer) ?? []);
    return known.sort((a, b) => a - b)[quorum - 2];
  }
}

/** As often as connections are probed. */
const MEASURE_EVERY_MS = 5_000;

/** Measures round trips and tells the one to a quorum of the present epoch, now and then, until disposed. */
export const measureRoundTrips = (options: {
  readonly known: RoundTrips;
  readonly network: Pick<PeerNetwork, 'peerStatus'>;
  readonly epochs: Epochs;
  readonly onMeasured: (roundTripMs: number) => void;
}): Disposable => {
  const { known, network, epochs, onMeasured } = options;
  const timer = setInterval(() => {
    for (const { peer, roundTripMs } of network.peerStatus())
      if (roundTripMs !== undefined) known.note(peer, roundTripMs);
    const toQuorum = known.toQuorum(epochs.otherValidators(), epochs.current.quorum);
    if (toQuorum !== undefined) onMeasured(toQuorum);
  }, MEASURE_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
};

const percentile = (samples: readonly number[]): number => {
  const ordered = samples.toSorted((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.floor(PERCENTILE * ordered.length))] ?? 0;
};
