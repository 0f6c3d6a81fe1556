/** Framing: any split of the stream gives the same frames, and bad frames are skipped to their end. */
import { describe, expect, it } from 'vitest';
import { type FrameEvent, FrameDecoder, frameHeader } from '../../../enclave/boundary/framing.ts';
import { concatBytes } from '../../../protocol/hex.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const frame = (body: Uint8Array): Uint8Array => concatBytes(frameHeader(body.length), body);

const described = (events: readonly FrameEvent[]): string[] =>
  events.map((event) => (event.kind === 'frame' ? `frame ${event.body.join(',')}` : event.code));

describe('framing', () => {
  it('finds the same frames however the bytes arrive', () => {
    const random = seededRandom(8);
    const bodies = Array.from({ length: 40 }, (_, i) => new Uint8Array(1 + random.integer(300)).fill(i));
    const stream = concatBytes(...bodies.map(frame));
    for (let trial = 0; trial < 20; trial++) {
      const decoder = new FrameDecoder();
      const found: string[] = [];
      for (let at = 0; at < stream.length; ) {
        const end = Math.min(stream.length, at + 1 + random.integer(200));
        found.push(...described(decoder.push(stream.subarray(at, end))));
        at = end;
      }
      expect(found).toEqual(bodies.map((body) => `frame ${body.join(',')}`));
    }
  });

  it('skips frames that are too large, empty, or of another version, and goes on', () => {
    const good = frame(Uint8Array.of(1, 2, 3));
    const large = concatBytes(Uint8Array.of(0, 0, 0, 202, 1), new Uint8Array(201));
    const empty = Uint8Array.of(0, 0, 0, 1, 1);
    const none = Uint8Array.of(0, 0, 0, 0);
    const version = Uint8Array.of(0, 0, 0, 3, 9, 7, 7);
    const stream = concatBytes(good, large, good, empty, good, version, none, good);
    const whole = new FrameDecoder(200);
    const expected = [
      'frame 1,2,3',
      'FRAME_TOO_LARGE',
      'frame 1,2,3',
      'FRAME_EMPTY',
      'frame 1,2,3',
      'FRAME_VERSION_UNKNOWN',
      'FRAME_EMPTY',
      'frame 1,2,3',
    ];
    expect(described(whole.push(stream))).toEqual(expected);
    const bytewise = new FrameDecoder(200);
    expect([...stream].flatMap((byte) => described(bytewise.push(Uint8Array.of(byte))))).toEqual(expected);
  });

  it('refuses to send what it would refuse to read', () => {
    expect(() => frameHeader(0)).toThrow(RangeError);
    expect(() => frameHeader(2 ** 30)).toThrow(RangeError);
  });
});
