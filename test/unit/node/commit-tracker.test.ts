/** Waiting for a result: told once certified, by the first inclusion, and nothing is left behind. */
import { describe, expect, it } from 'vitest';
import { CommitTracker, type ExecutedTransaction } from '../../../node/commit-tracker.ts';
import { height, type TransactionId } from '../../../protocol/brand.ts';
import { merkleRoot, verifyMerklePath } from '../../../protocol/merkle.ts';

const id = (number: number): TransactionId => number.toString(16).padStart(64, '0') as TransactionId;
const call = (number: number, mark = 0): ExecutedTransaction => ({
  transactionId: id(number),
  receipt: Uint8Array.of(number, mark),
  outputs: [Uint8Array.of(mark)],
});
const certificate = Uint8Array.of(1, 2, 3);
const nothingStored = (): never[] => [];
const forever = new AbortController().signal;

describe('the commit tracker', () => {
  it('tells everybody who waits, with a proof, when the height is certified and not before', async () => {
    const tracker = new CommitTracker();
    const first = tracker.wait(id(2), forever);
    const calls = [call(1), call(2), call(3)];
    tracker.executed(height(5), calls);
    const second = tracker.wait(id(2), forever);
    expect(tracker.waiting).toBe(1);
    tracker.certified(height(5), certificate, nothingStored);
    const [one, two] = await Promise.all([first, second]);
    expect(two).toEqual(one);
    expect(one).toMatchObject({
      kind: 'committed',
      index: 1,
      transactionId: id(2),
      block: { height: 5, count: 3, certificate },
    });
    const root = merkleRoot(calls.map(({ receipt }) => receipt));
    expect(verifyMerklePath(root, one?.receipt ?? new Uint8Array(), 1, 3, one?.path ?? [])).toBe(true);
    expect(tracker.waiting).toBe(0);
  });

  it('tells of a height that was executed before this process started', async () => {
    const tracker = new CommitTracker();
    const waiting = tracker.wait(id(7), forever);
    tracker.certified(height(9), certificate, () => [call(6), call(7)]);
    expect(await waiting).toMatchObject({ index: 1, block: { height: 9 } });
  });

  it('reads nothing from the ledger while nobody waits', () => {
    const tracker = new CommitTracker();
    tracker.certified(height(9), certificate, () => {
      throw new Error('must not be read');
    });
  });

  it('answers with the first inclusion when a block repeats a transaction', async () => {
    const tracker = new CommitTracker();
    const waiting = tracker.wait(id(1), forever);
    tracker.executed(height(3), [call(1, 30)]);
    tracker.executed(height(4), [call(1, 40)]);
    tracker.certified(height(4), certificate, nothingStored);
    expect(tracker.waiting).toBe(1);
    tracker.certified(height(3), certificate, nothingStored);
    expect(await waiting).toMatchObject({ block: { height: 3 }, outputs: [Uint8Array.of(30)] });
  });

  it('lets go of who gave up', async () => {
    const tracker = new CommitTracker();
    const leaving = new AbortController();
    const [left, stayed] = [tracker.wait(id(1), leaving.signal), tracker.wait(id(1), forever)];
    leaving.abort();
    expect(await left).toBeUndefined();
    expect(await tracker.wait(id(1), leaving.signal)).toBeUndefined();
    expect(tracker.waiting).toBe(1);
    tracker.executed(height(1), [call(1)]);
    tracker.certified(height(1), certificate, nothingStored);
    expect(await stayed).toMatchObject({ transactionId: id(1) });
    expect(tracker.waiting).toBe(0);
  });
});
