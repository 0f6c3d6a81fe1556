/** The pool: bounds in bytes, count and per source; order of arrival; nothing final comes back. */
import { describe, expect, it } from 'vitest';
import { Mempool, type MempoolLimits } from '../../../node/mempool.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import { envelopeOf } from './support.ts';

const limits: MempoolLimits = { maxBytes: 10_000, maxTransactions: 10, share: 0.5 };
const transaction = (number: number, source = 'client', length = 600, expiryHeight = 100) => {
  const envelope = envelopeOf(number, length);
  return { id: transactionId(envelope), envelope, expiryHeight, source };
};

describe('the mempool', () => {
  it('takes each transaction once and counts what it holds', () => {
    const pool = new Mempool(limits);
    const first = transaction(1);
    expect(pool.add(first)).toBe('added');
    expect(pool.add({ ...first, source: 'peer 2' })).toBe('known');
    expect(pool).toMatchObject({ size: 1, bytes: 600 });
    expect(pool.get(first.id)).toBe(first);
  });

  it('keeps room for other sources', () => {
    const pool = new Mempool(limits);
    const verdicts = [1, 2, 3, 4, 5, 6].map((number) => pool.add(transaction(number, 'greedy')));
    expect(verdicts).toEqual(['added', 'added', 'added', 'added', 'added', 'full']);
    expect(pool.add(transaction(7, 'modest'))).toBe('added');
    expect(pool.add(transaction(8, 'large', 5_001))).toBe('full');
  });

  it('is bounded over all sources in count and in bytes, and takes again once there is room', () => {
    const pool = new Mempool(limits);
    for (let number = 0; number < 10; number += 1)
      expect(pool.add(transaction(number, `source ${number}`))).toBe('added');
    const late = transaction(99, 'late');
    expect(pool.add(late)).toBe('full');
    pool.finalize([transaction(0).id]);
    expect(pool.add(late)).toBe('added');
    const byBytes = new Mempool({ ...limits, share: 1 });
    expect([1, 2, 3].map((number) => byBytes.add(transaction(number, 'one', 4_000)))).toEqual([
      'added',
      'added',
      'full',
    ]);
    expect(byBytes.bytes).toBe(8_000);
  });

  it('frees the quota of a source with its transactions', () => {
    const pool = new Mempool(limits);
    const own = [1, 2, 3, 4, 5].map((number) => transaction(number, 'one'));
    for (const each of own) pool.add(each);
    expect(pool.add(transaction(6, 'one'))).toBe('full');
    pool.finalize(own.map(({ id }) => id));
    expect(pool).toMatchObject({ size: 0, bytes: 0 });
    expect(pool.add(transaction(6, 'one'))).toBe('added');
  });

  it('remembers what is final', () => {
    const pool = new Mempool(limits);
    const done = transaction(1);
    const unseen = transaction(2);
    pool.add(done);
    pool.finalize([done.id, unseen.id]);
    expect(pool.isFinal(done.id)).toBe(true);
    expect([pool.add(done), pool.add(unseen)]).toEqual(['final', 'final']);
    expect(pool.size).toBe(0);
  });

  it('selects in the order of arrival within the bounds of a block', () => {
    const pool = new Mempool(limits);
    const all = [1, 2, 3, 4].map((number) => transaction(number));
    for (const each of all) pool.add(each);
    const select = (maxBytes: number, maxTransactions: number, exclude: typeof all = []) =>
      pool.select({ maxBytes, maxTransactions, exclude: new Set(exclude.map(({ id }) => id)) });
    expect(select(10_000, 10)).toEqual(all);
    expect(select(10_000, 2)).toEqual(all.slice(0, 2));
    expect(select(1_300, 10)).toEqual(all.slice(0, 2));
    expect(select(10_000, 10, all.slice(0, 3))).toEqual(all.slice(3));
    expect(pool.size).toBe(4);
  });

  it('tells whether anything waits that open blocks do not carry', () => {
    const pool = new Mempool(limits);
    const [first, second] = [transaction(1), transaction(2)];
    expect(pool.hasOther(new Set())).toBe(false);
    pool.add(first);
    expect(pool.hasOther(new Set([first.id]))).toBe(false);
    expect(pool.hasOther(new Set([second.id]))).toBe(true);
    pool.add(second);
    expect(pool.hasOther(new Set([first.id]))).toBe(true);
  });

  it('drops what can no longer be included', () => {
    const pool = new Mempool(limits);
    const [early, late] = [transaction(1, 'a', 600, 10), transaction(2, 'a', 600, 20)];
    pool.add(early);
    pool.add(late);
    expect(pool.expire(10)).toEqual([]);
    expect(pool.expire(11)).toEqual([early.id]);
    expect(pool).toMatchObject({ size: 1, bytes: 600 });
    expect(pool.add(early)).toBe('added');
  });
});
