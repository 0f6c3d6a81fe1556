/**
 * The logs of a stopped network as one run. A log has its own order only; what ties the logs together is that nobody
 * votes for a block before its leader has proposed it, nor holds a certificate before its signers have voted. Both are
 * true for ever once they are true, so taking whichever record may come next finds an order if there is one. If there
 * is none, the rest is appended as it stands, and the model refuses it.
 */
import type { VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { FactBook, type Network, type Run } from './facts.ts';

const keyOf = (signer: number, { kind, epoch, view, hash }: VoteStatement): string =>
  `${signer} ${kind} ${epoch} ${view} ${hash}`;

/** Merges whole logs, by machine. */
export const mergeLogs = (network: Network, logs: ReadonlyMap<number, readonly WalRecord[]>): Run => {
  const book = new FactBook(network);
  const voted = new Set<string>();
  const positions = new Map([...logs.keys()].map((validator) => [validator, 0]));

  const mayCome = (validator: number, record: WalRecord): boolean => {
    if (record.kind === 'block') return true;
    if (!book.follow(validator, record)) return false;
    if (record.kind === 'certificate' || record.kind === 'closing') {
      const held = record.kind === 'certificate' ? record.certificate : record.finalization;
      const signers = book.signersOf(held);
      return signers?.every((signer) => book.isLiar(signer) || voted.has(keyOf(signer, held))) ?? false;
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
