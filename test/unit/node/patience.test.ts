/** Patience with answers: a few round trips, longer for slow answers and after silence, never without bounds. */
import { describe, expect, it } from 'vitest';
import type { PeerName } from '../../../node/network/types.ts';
import { Patience } from '../../../node/patience.ts';
import { RoundTrips } from '../../../node/round-trips.ts';

const near = 'near' as PeerName;
const far = 'far' as PeerName;
const unknown = 'unknown' as PeerName;

const measured = (): Patience => {
  const roundTrips = new RoundTrips();
  for (const roundTripMs of [8, 12, 9]) roundTrips.note(near, roundTripMs);
  for (const roundTripMs of [180, 210, 200]) roundTrips.note(far, roundTripMs);
  return new Patience(roundTrips);
};

describe('patience', () => {
  it('follows the round trip to the peer, from below a bound on', () => {
    const patience = measured();
    expect(patience.waitMs(near, 'getHeader')).toBe(250);
    expect(patience.waitMs(far, 'getHeader')).toBe(4 * 210);
    expect(patience.waitMs(unknown, 'getHeader')).toBe(1_000);
  });

  it('doubles with each silence up to a bound, and is short again after an answer', () => {
    const patience = measured();
    const waits = Array.from({ length: 7 }, () => {
      const waitMs = patience.waitMs(near, 'getBody');
      patience.silent(near, 'getBody');
      return waitMs;
    });
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(patience.waitMs(near, 'getHeader')).toBe(250);
    patience.answered(near, 'getBody', 10);
    expect(patience.waitMs(near, 'getBody')).toBe(250);
  });

  it('grants large answers the time that they take', () => {
    const patience = measured();
    patience.answered(near, 'getBlocks', 900);
    expect(patience.waitMs(near, 'getBlocks')).toBe(3_600);
    patience.answered(far, 'getBlocks', 20);
    expect(patience.waitMs(far, 'getBlocks')).toBe(4 * 210);
  });

  it('measures a quorum by the peer that completes it', () => {
    const roundTrips = new RoundTrips();
    roundTrips.note(near, 10);
    roundTrips.note(far, 200);
    expect(roundTrips.toQuorum([near, far, unknown], 3)).toBe(200);
    expect(roundTrips.toQuorum([near, unknown], 3)).toBeUndefined();
  });
});
