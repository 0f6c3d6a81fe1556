/** The small parts of the runtime against their models: counter windows, write sets, rounding, caches, randomness. */
import { describe, expect, it } from 'vitest';
import type { BlockHash, ChainId, PublicKey, TransactionId } from '../../../protocol/brand.ts';
import { epoch, height } from '../../../protocol/brand.ts';
import { CallRandomness, combineContributions, epochKeysOf } from '../../../enclave/runtime/epoch-keys.ts';
import { type OpenedCall, OpenedCalls } from '../../../enclave/runtime/opened-calls.ts';
import { publicGas } from '../../../enclave/runtime/seal-result.ts';
import { CounterWindow } from '../../../enclave/runtime/sessions.ts';
import type { StateWrite } from '../../../enclave/runtime/state/ordered-state.ts';
import { openWriteSet, paddedLength, sealWriteSet } from '../../../enclave/runtime/write-set.ts';
import { OutputBudget } from '../../../enclave/runtime/run-contract.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const chainId = '11'.repeat(32) as ChainId;
const keys = epochKeysOf(chainId, epoch(1), new Uint8Array(32).fill(7));

describe('CounterWindow', () => {
  it('accepts each number once, within 1,024 of the highest, also through state', () => {
    const random = seededRandom(3);
    let window = new CounterWindow();
    const used = new Set<number>();
    let top = -1;
    for (let step = 0; step < 6000; step++) {
      const jump = random.integer(200) === 0 ? 3000 : 12;
      const counter = Math.max(0, top + random.integer(jump) - (random.integer(4) === 0 ? 1030 : 6));
      const expected = !used.has(counter) && counter > top - 1024;
      expect(window.accepts(counter)).toBe(expected);
      if (!expected) continue;
      window.use(counter);
      used.add(counter);
      top = Math.max(top, counter);
      if (step % 50 === 0) window = CounterWindow.parse(window.toString());
    }
    expect(CounterWindow.parse(undefined).accepts(0)).toBe(true);
  });
});

describe('write sets', () => {
  it('come back as they were, are equal for equal writes, and show their magnitude alone', () => {
    const writes: StateWrite[] = [
      ['a\u0000ключ', 'wert'],
      ['b', undefined],
      ['c', ''],
      ['d', '漢'.repeat(700)],
    ];
    const sealed = sealWriteSet(keys, height(5), writes);
    expect(openWriteSet(keys, height(5), sealed)).toEqual(writes);
    expect(sealWriteSet(keys, height(5), writes)).toEqual(sealed);
    expect(openWriteSet(keys, height(6), sealed)).toBeUndefined();
    expect(
      openWriteSet(
        keys,
        height(5),
        sealed.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
      ),
    ).toBeUndefined();
    expect(openWriteSet(keys, height(5), new Uint8Array(3))).toBeUndefined();
    expect(sealWriteSet(keys, height(5), []).length).toBe(
      sealWriteSet(keys, height(5), [['x', 'y'.repeat(300)]]).length,
    );
  });

  it('are padded by at most 12 %, never shortened, with few distinct lengths', () => {
    const lengths = new Set<number>();
    for (let length = 1024; length < 100_000; length += 37) {
      const padded = paddedLength(length);
      expect(padded).toBeGreaterThanOrEqual(length);
      expect(padded).toBeLessThanOrEqual(length * 1.12);
      lengths.add(padded);
    }
    expect(lengths.size).toBeLessThan(130);
  });
});

describe('public gas', () => {
  it('is rounded up by at most one sixteenth', () => {
    expect(publicGas(0)).toBe(0);
    for (const gas of [1, 15, 16, 17, 1000, 123_456, 99_999_999_999]) {
      expect(publicGas(gas)).toBeGreaterThanOrEqual(gas);
      expect(publicGas(gas)).toBeLessThanOrEqual(Math.ceil(gas * (1 + 1 / 16)));
    }
    expect(publicGas(100_000)).toBe(publicGas(100_100));
  });
});

describe('output budget', () => {
  it('refuses what would not fit into one frame and takes nothing for it', () => {
    const budget = new OutputBudget();
    const large = 'x'.repeat(1024 * 1024 - 2048);
    let taken = 0;
    while (budget.take([large])) taken++;
    expect(taken).toBe(28);
    expect(budget.take(['small'])).toBe(true);
  });
});

describe('opened calls', () => {
  it('are bounded by number and by bytes, oldest out first', () => {
    const calls = new OpenedCalls(3, 100);
    const id = (n: number) => `${n}` as TransactionId;
    const call = {} as OpenedCall;
    for (let n = 0; n < 5; n++) calls.put(id(n), call, 10);
    expect([0, 1, 2, 3, 4].map((n) => calls.peek(id(n)) !== undefined)).toEqual([false, false, true, true, true]);
    calls.put(id(9), call, 90);
    expect(calls.size).toBe(2);
    expect(calls.take(id(9))).toBe(call);
    expect(calls.take(id(9))).toBeUndefined();
  });
});

describe('epoch keys', () => {
  it('depend on every share, their order and the chain', () => {
    const shares = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
    const secrets = [
      combineContributions(chainId, epoch(1), shares),
      combineContributions(chainId, epoch(1), shares.toReversed()),
      combineContributions(chainId, epoch(2), shares),
      combineContributions('22'.repeat(32) as ChainId, epoch(1), shares),
      combineContributions(chainId, epoch(1), shares.slice(1)),
    ].map(String);
    expect(new Set(secrets).size).toBe(secrets.length);
  });

  it('give each call its own stream of randomness', () => {
    const stream = (block: string, transaction: string, caller: string) =>
      new CallRandomness(
        keys,
        block.repeat(32) as BlockHash,
        transaction.repeat(32) as TransactionId,
        caller.repeat(32) as PublicKey,
      );
    const first = stream('aa', 'bb', 'cc');
    const draws = [
      first.next(32),
      first.next(32),
      stream('ab', 'bb', 'cc').next(32),
      stream('aa', 'ba', 'cc').next(32),
      stream('aa', 'bb', 'ca').next(32),
    ];
    expect(new Set(draws.map(String)).size).toBe(5);
    expect(stream('aa', 'bb', 'cc').next(32)).toEqual(draws[0]);
  });
});
