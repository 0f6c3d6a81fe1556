/** The small parts that bound a peer: token bucket, score, wire meter, outbound queue. */
import type { Stream } from '@libp2p/interface';
import { describe, expect, it } from 'vitest';

import { OutboundChannel } from '../../../node/network/outbound-channel.ts';
import { PeerScore } from '../../../node/network/peer-score.ts';
import { TokenBucket } from '../../../node/network/token-bucket.ts';
import { WireMeter } from '../../../node/network/wire-meter.ts';

describe('token bucket', () => {
  it('gives the burst, then the rate', () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 10 }, 0);
    expect([bucket.take(1, 0), bucket.take(2, 0), bucket.take(1, 0)]).toEqual([true, true, false]);
    expect([bucket.take(1, 100), bucket.take(1, 100)]).toEqual([true, false]);
    expect(bucket.isFull(100)).toBe(false);
    expect(bucket.isFull(10_000)).toBe(true);
  });

  it('does not gain from a clock that stands still or goes back', () => {
    const bucket = new TokenBucket({ burst: 1, perSecond: 1_000 }, 50);
    expect(bucket.take(1, 50)).toBe(true);
    expect(bucket.hasTokens(10)).toBe(false);
  });
});

describe('peer score', () => {
  const limits = { banAt: 100, halfLifeMs: 1_000, firstBanMs: 10_000, lastBanMs: 30_000 };

  it('adds, decays and bans', () => {
    const score = new PeerScore(limits, 0);
    expect(score.penalise(60, 0)).toBeUndefined();
    expect(score.penalty(1_000)).toBeCloseTo(30);
    expect(score.penalise(60, 1_000)).toBeUndefined();
    expect(score.penalise(60, 1_000)).toBe(10_000);
    expect(score.bannedForMs(1_000)).toBe(10_000);
    expect(score.bannedForMs(11_000)).toBe(0);
  });

  it('bans longer each time, up to a bound, and counts no ban twice', () => {
    const score = new PeerScore(limits, 0);
    expect(score.penalise(100, 0)).toBe(10_000);
    expect(score.penalise(100, 5_000)).toBeUndefined();
    expect(score.penalise(100, 20_000)).toBe(20_000);
    expect(score.penalise(100, 50_000)).toBe(30_000);
    expect(score.penalise(100, 50_000 + 4 * 3_600_000)).toBe(10_000);
  });
});

describe('wire meter', () => {
  it('lets bytes pass that reach a stream, however many', () => {
    const meter = new WireMeter({ burst: 1_000, perSecond: 10_000 }, 0);
    for (let round = 0; round < 100; round += 1) {
      expect(meter.onWire(900, round)).toBe(true);
      meter.onStream(890);
    }
  });

  it('notices bytes that reach no stream', () => {
    const meter = new WireMeter({ burst: 1_000, perSecond: 100 }, 0);
    expect(meter.onWire(900, 0)).toBe(true);
    expect(meter.onWire(200, 0)).toBe(false);
    expect(meter.onWire(500, 1_000)).toBe(true);
  });
});

/** A stream that takes one send and then needs draining, as a full window does. */
class NarrowStream extends EventTarget {
  readonly sent: Uint8Array[] = [];
  status = 'open';
  writableNeedsDrain = false;
  writeBufferLength = 0;

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes);
    this.writableNeedsDrain = true;
    return false;
  }

  abort(): void {
    this.status = 'aborted';
  }

  drain(): void {
    this.writableNeedsDrain = false;
    this.dispatchEvent(new Event('drain'));
  }
}

const cell = (): { count: number; add: (amount?: number) => void } => {
  const counted = { count: 0, add: (amount = 1) => void (counted.count += amount) };
  return counted;
};

describe('outbound channel', () => {
  const rate = { burst: 1, perSecond: 1 };
  const limits = { maxMessageBytes: 100, maxQueuedBytes: 400, maxBatchBytes: 150, messages: rate, bytes: rate };
  const make = () => {
    const cells = { messages: cell(), bytes: cell(), sends: cell(), dropped: cell() };
    const events = { drained: 0 };
    const channel: OutboundChannel = new OutboundChannel(0, limits, cells, {
      schedule: (each) => each.flush(),
      onDrained: () => void (events.drained += 1),
    });
    return { channel, cells, events, stream: new NarrowStream() };
  };
  const message = (fill: number): Uint8Array => new Uint8Array(96).fill(fill);

  it('joins what is queued into one send', () => {
    const { channel, cells, stream } = make();
    for (const fill of [1, 2]) channel.enqueue(message(fill));
    channel.attach(stream as unknown as Stream);
    expect(stream.sent.map((each) => each.byteLength)).toEqual([200]);
    expect([cells.sends.count, cells.messages.count, channel.queuedBytes]).toEqual([1, 2, 0]);
  });

  it('drops the oldest messages of a peer that takes nothing, and says when it is empty again', () => {
    const { channel, cells, events, stream } = make();
    channel.attach(stream as unknown as Stream);
    expect(channel.enqueue(message(0))).toBe('queued'); // takes the window
    const verdicts = [1, 2, 3, 4, 5, 6].map((fill) => channel.enqueue(message(fill)));
    expect(verdicts.at(-1)).toBe('congested');
    expect(cells.dropped.count).toBe(2);
    expect(channel.queuedBytes).toBe(400);
    stream.drain();
    expect(events.drained).toBe(0);
    stream.drain();
    expect(events.drained).toBe(1);
    const fills = stream.sent.flatMap((each) =>
      Array.from({ length: each.byteLength / 100 }, (_, at) => each[at * 100 + 4]),
    );
    expect(fills).toEqual([0, 3, 4, 5, 6]);
  });

  it('keeps the queue when the stream dies and writes it to the next one', () => {
    const { channel, stream } = make();
    stream.writableNeedsDrain = true;
    channel.attach(stream as unknown as Stream);
    channel.enqueue(message(1));
    channel.detach(stream as unknown as Stream);
    const next = new NarrowStream();
    channel.attach(next as unknown as Stream);
    expect(next.sent).toHaveLength(1);
  });
});
