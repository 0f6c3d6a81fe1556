/**
 * Messages made to cost more than they weigh: lengths that are not there, arrays of arrays, nesting. A decoder refuses
 * them at the first thing that its message does not have: a tree of such a message would take 170 times its bytes.
 */
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../protocol/hex.ts';
import { readWire, type Wire, writeWire } from '../../protocol/wire.ts';
import { campaign, oneOf } from './campaign.ts';
import { consensusTargets } from './corpus-consensus.ts';
import { nodeTargets } from './corpus-node.ts';
import { sealedTargets } from './corpus-sealed.ts';
import { planted } from './mutate-wire.ts';
import type { Target } from './target.ts';

const targets = [...consensusTargets, ...sealedTargets, ...nodeTargets];
const MEBIBYTE = 1024 * 1024;
const SIZE = 2 * MEBIBYTE;

const repeated = (unit: readonly number[]): Uint8Array => {
  const count = Math.floor((SIZE - 5) / unit.length);
  const bytes = new Uint8Array(5 + count * unit.length);
  bytes[0] = 0xdd;
  new DataView(bytes.buffer).setUint32(1, count);
  for (let at = 5; at < bytes.length; at += unit.length) bytes.set(unit, at);
  return bytes;
};

const heavy: readonly (readonly [name: string, message: Uint8Array])[] = [
  ['a million small arrays', repeated([0x91, 0x00])],
  ['two million empty arrays', repeated([0x90])],
  ['arrays as deep as any', repeated([...Array.from({ length: 10 }, () => 0x91), 0x00])],
  ['a million empty byte strings', repeated([0xc4, 0x00])],
  ['two million empty texts', repeated([0xa0])],
  ['two million levels', new Uint8Array(SIZE).fill(0x91)],
  ['an array of four billion', Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff)],
  ['four gigabytes', Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff)],
  ['a text of four gigabytes', Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)],
];

const refuses = ({ again }: Target, message: Uint8Array): boolean => {
  try {
    return again(message) === undefined;
  } catch {
    return true;
  }
};

/** Heap that grew and time that went while something ran: what was allocated, less what was collected meanwhile. */
const costOf = (run: () => void): { readonly heapBytes: number; readonly cpuMs: number } => {
  const [heap, cpu] = [process.memoryUsage().heapUsed, process.cpuUsage()];
  run();
  const { user } = process.cpuUsage(cpu);
  return { heapBytes: process.memoryUsage().heapUsed - heap, cpuMs: user / 1000 };
};

describe('a heavy message', () => {
  it.each(heavy)('%s costs next to nothing', (_name, message) => {
    const cost = costOf(() => {
      expect(targets.filter((each) => !refuses(each, message)).map(({ name }) => name)).toEqual([]);
    });
    // For all decoders together; generous, since other work of the process counts as well.
    expect(cost.heapBytes).toBeLessThan(64 * MEBIBYTE);
    expect(cost.cpuMs).toBeLessThan(3_000);
  });

  it('costs no more inside of a genuine one', () => {
    const arrays: Wire = Array.from({ length: 50_000 }, () => [0]);
    const claims = heavy.map(([, message]) => message).filter(({ length }) => length < 10);
    campaign(300, (random) => {
      const each = oneOf(random, targets);
      const tree = readWire(oneOf(random, each.samples));
      if (tree === undefined) throw new RangeError('a genuine message is canonical');
      const whole = writeWire(planted(random, tree, arrays));
      const cut = concatBytes(whole.slice(0, random.integer(200)), oneOf(random, claims));
      for (const message of [whole, cut]) {
        const cost = costOf(() => refuses(each, message));
        expect(cost.heapBytes).toBeLessThan(32 * MEBIBYTE);
      }
    });
  });
});
