/**
 * The logs of a stopped network as one run. A log has its own order only; what ties the logs together is that nobody
 * votes for a block before its leader has proposed it, nor holds a certificate before its signers have voted. Both are
 * true for ever once they are true, so taking whichever record may come next finds an order if there is one. If there
 * is none, the rest is appended as it stands, and the model refuses it.
 */
import { signersOf } from '../../protocol/bitmap.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { FactBook, type Run } from './facts.ts';

const keyOf = (signer: number, { kind, view, hash }: VoteStatement): string => `${signer} ${kind} ${view} ${hash}`;

/** Merges whole logs, by position of their validators. Validators without a log count as liars. */
export const mergeLogs = (anchor: EpochAnchor, logs: ReadonlyMap<number, readonly WalRecord[]>): Run => {
  const everybody = anchor.validatorKeys.map((_key, index) => index);
  const book = new FactBook(anchor, new Set(everybody.filter((index) => !logs.has(index))));
  const voted = new Set<string>();
  const positions = new Map([...logs.keys()].map((validator) => [validator, 0]));

  const mayCome = (validator: number, record: WalRecord): boolean => {
    if (record.kind === 'certificate' || record.kind === 'closing') {
      const held = record.kind === 'certificate' ? record.certificate : record.finalization;
      const signers = signersOf(held.bitmap, everybody.length) ?? [];
      return signers.every((signer) => book.isLiar(signer) || voted.has(keyOf(signer, held)));
    }
    if (record.kind !== 'vote' || record.vote.kind !== 'notarize') return true;
    const proposer = book.proposerOf(record.vote.hash);
    if (proposer === undefined || proposer === validator || book.isLiar(proposer)) return true;
    return book.knows(record.vote.hash);
  };

  const take = (validator: number, record: WalRecord): void => {
    book.add(validator, record);
    if (record.kind === 'vote') voted.add(keyOf(validator, record.vote));
    positions.set(validator, (positions.get(validator) ?? 0) + 1);
  };

  const advance = (force: boolean): boolean => {
    let moved = false;
    for (const [validator, log] of logs) {
      for (let record = log[positions.get(validator) ?? 0]; record !== undefined; ) {
        if (!force && !mayCome(validator, record)) break;
        take(validator, record);
        moved = true;
        record = log[positions.get(validator) ?? 0];
      }
    }
    return moved;
  };

  while (advance(false));
  advance(true);
  return book.run();
};
