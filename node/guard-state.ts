/**
 * What a validator key has promised, for every epoch: a floor at or below which it never votes again, and every vote
 * above it. It is all that a signer needs so as never to contradict itself (consensus design §2.8), and all that a guard
 * file carries of the log.
 */
import { type Infer, list, optional, struct } from '../protocol/codec.ts';
import { type VoteStatement, voteStatementCodec } from '../protocol/consensus/vote.ts';
import type { WalRecord } from '../protocol/consensus/wal-record.ts';
import type { WalRecord as LogRecord } from '../ledger/wal.ts';
import { logRecord } from './log-records.ts';
import { blockHashCodec, epochCodec, heightCodec, viewCodec } from '../protocol/scalars.ts';

const MAX_EPOCHS = 65_536;
/** Votes of one epoch above its floor: years of views without finality. */
const MAX_VOTES = 1_000_000;

/** Promises of one epoch. */
export const epochPromisesCodec = struct({
  epoch: epochCodec,
  /** Newest final block that the log knows; undefined while nothing is final in the epoch. */
  floor: optional(struct({ view: viewCodec, height: heightCodec, block: blockHashCodec })),
  votes: list(voteStatementCodec, MAX_VOTES),
});
/** See `epochPromisesCodec`. */
export type EpochPromises = Infer<typeof epochPromisesCodec>;
/** Promises of all epochs, oldest first. */
export const promisesCodec = list(epochPromisesCodec, MAX_EPOCHS);

const voteName = ({ kind, view, hash }: VoteStatement): string => `${view}:${kind}:${hash}`;

/** The promises that a log holds. */
export const promisesOf = (records: readonly WalRecord[]): EpochPromises[] => {
  const floors = new Map<number, Extract<WalRecord, { kind: 'finalized' }>>();
  const votes = new Map<number, Map<string, VoteStatement>>();
  for (const record of records) {
    if (record.kind === 'finalized' && record.view >= (floors.get(record.epoch)?.view ?? 0))
      floors.set(record.epoch, record);
    if (record.kind !== 'vote') continue;
    const { vote } = record;
    votes.set(vote.epoch, (votes.get(vote.epoch) ?? new Map<string, VoteStatement>()).set(voteName(vote), vote));
  }
  const epochs = new Set([...floors.keys(), ...votes.keys()]);
  return [...epochs]
    .sort((a, b) => a - b)
    .map((epoch): EpochPromises => {
      const floor = floors.get(epoch);
      const above = [...(votes.get(epoch)?.values() ?? [])].filter(({ view }) => view > (floor?.view ?? 0));
      return {
        epoch: epoch as EpochPromises['epoch'],
        floor: floor === undefined ? undefined : { view: floor.view, height: floor.height, block: floor.block },
        votes: above.sort((a, b) => a.view - b.view || a.kind.localeCompare(b.kind)),
      };
    });
};

/** The records of a log that keep these promises. */
export const recordsOf = (promises: readonly EpochPromises[]): LogRecord[] =>
  promises.flatMap(({ epoch, floor, votes }) => [
    ...(floor === undefined ? [] : [logRecord({ kind: 'finalized', epoch, ...floor })]),
    ...votes.map((vote) => logRecord({ kind: 'vote', vote })),
  ]);

/** First vote of `own` that `other` neither knows nor rules out by its floor; undefined when there is none. */
export const firstUncovered = (
  own: readonly EpochPromises[],
  other: readonly EpochPromises[],
): VoteStatement | undefined => {
  for (const { epoch, votes } of own) {
    const theirs = other.find((candidate) => candidate.epoch === epoch);
    const known = new Set(theirs?.votes.map(voteName));
    const missing = votes.find((vote) => vote.view > (theirs?.floor?.view ?? 0) && !known.has(voteName(vote)));
    if (missing !== undefined) return missing;
  }
  return undefined;
};
