/** Framing: any cut of the byte stream gives the same messages; a bad length is named and ends the stream. */
import { describe, expect, it } from 'vitest';

import { FrameReader, joinFrames } from '../../../node/network/framing.ts';

const collect = (max: number): { reader: FrameReader; messages: Uint8Array[] } => {
  const messages: Uint8Array[] = [];
  return { messages, reader: new FrameReader(max, (message) => messages.push(message) > 0) };
};

const sizes = [1, 2, 3, 200, 5_000, 70_000];
const originals = sizes.map((size, index) => new Uint8Array(size).fill(index + 1));
const stream = joinFrames(
  originals,
  sizes.reduce((sum, size) => sum + size, 0),
);

describe('framing', () => {
  it.each([1, 2, 3, 7, 64, 4_096, 65_536, stream.byteLength])('gives the same messages in chunks of %i', (step) => {
    const { reader, messages } = collect(70_000);
    for (let at = 0; at < stream.byteLength; at += step) {
      expect(reader.push(stream.subarray(at, at + step))).toBeUndefined();
    }
    expect(messages.map((message) => Buffer.from(message).toString('hex'))).toEqual(
      originals.map((message) => Buffer.from(message).toString('hex')),
    );
    expect(reader.atBoundary).toBe(true);
  });

  it('copies messages out of the chunk', () => {
    const { reader, messages } = collect(10);
    const chunk = Buffer.from('00000003616263', 'hex');
    reader.push(chunk);
    chunk.fill(0);
    expect(Buffer.from(messages[0] ?? []).toString()).toBe('abc');
  });

  it('refuses an empty message and stays faulty', () => {
    const { reader, messages } = collect(10);
    expect(reader.push(Buffer.from('00000000000000016a', 'hex'))).toBe('malformed-frame');
    expect(reader.push(Buffer.from('000000016a', 'hex'))).toBe('malformed-frame');
    expect(messages).toEqual([]);
  });

  it('refuses a length over the bound before any of it is kept', () => {
    const { reader } = collect(10);
    expect(reader.push(Buffer.from('0000000b', 'hex'))).toBe('oversize-frame');
    expect(reader.bufferedBytes).toBe(0);
  });

  it('allocates as bytes arrive, not as they are announced', () => {
    const { reader } = collect(2 * 1024 * 1024);
    reader.push(Buffer.from('00200000', 'hex'));
    reader.push(new Uint8Array(10));
    expect(reader.bufferedBytes).toBeLessThanOrEqual(16 * 1024);
    reader.push(new Uint8Array(100_000));
    expect(reader.bufferedBytes).toBeLessThanOrEqual(2 * 100_010);
  });

  it('stops when the handler says so', () => {
    let seen = 0;
    const reader = new FrameReader(10, () => {
      seen += 1;
      return false;
    });
    reader.push(joinFrames([Buffer.from('a'), Buffer.from('b')], 2));
    expect(seen).toBe(1);
  });
});
