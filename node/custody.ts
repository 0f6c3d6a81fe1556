/**
 * Custody of a validator key: whether the home that holds it may sign, and since when and why not.
 *
 * Two places say so. The keystore seals it together with the key: `used` means that a log of votes must exist, whatever
 * else was deleted. The log of votes holds it as records of its own kind, in order with the votes; the last one counts.
 * A move counts up the generation, so that an older guard file is told from a newer one. Neither place can be made to
 * say less than it does but by putting back an older copy of it, and then the other one speaks.
 */
import type { PublicKey } from '../protocol/brand.ts';
import {
  type Codec,
  decode,
  encode,
  hex,
  type Infer,
  mapped,
  optional,
  struct,
  u32,
  u64,
  u8,
} from '../protocol/codec.ts';
import { type VoteStatement, voteStatementCodec } from '../protocol/consensus/vote.ts';
import { protocolErrors, type CloisterError } from '../protocol/errors.ts';
import { publicKeyCodec } from '../protocol/scalars.ts';
import type { WalRecord, WriteAheadLog } from '../ledger/wal.ts';
import { nodeErrors } from './errors.ts';

const oneOf = <T extends string>(names: readonly T[]): Codec<T> =>
  mapped(
    u8,
    (value) => {
      const name = names[value];
      if (name === undefined) throw protocolErrors.error('MALFORMED_MESSAGE', { path: 'custody.state' });
      return name;
    },
    (name) => names.indexOf(name),
  );

/** Bytes of a guard id. */
export const GUARD_ID_BYTES = 16;
const move = { generation: u32, guard: optional(hex(GUARD_ID_BYTES)), timeMs: u64 };

/** What a keystore says of its validator key. */
export const keyCustodyCodec = struct({ state: oneOf(['fresh', 'used', 'exported', 'importing'] as const), ...move });
/** See `keyCustodyCodec`. `guard` is that of the last export or import. */
export type KeyCustody = Infer<typeof keyCustodyCodec>;

/** Custody of a key that has never signed. */
export const FRESH_CUSTODY: KeyCustody = { state: 'fresh', generation: 0, guard: undefined, timeMs: 0 };

const logCustodyCodec = struct({
  state: oneOf(['imported', 'exported', 'refused'] as const),
  validatorKey: publicKeyCodec,
  ...move,
  /** For `refused`: the vote that this key signed and this log does not know; undefined for a later start of the key. */
  vote: optional(voteStatementCodec),
});
/** What a log of votes says of a validator key. */
export type LogCustody = Infer<typeof logCustodyCodec>;

/** Kind byte of these records in the log's frame, far from those of agreement (`log-records.ts`). */
const CUSTODY_KIND = 32;
const MAX_CUSTODY_BYTES = 1024;

/** The record as the log frames it. It belongs to no view: what follows it decides how long it is kept. */
export const custodyRecord = (custody: LogCustody): WalRecord => ({
  kind: CUSTODY_KIND,
  epoch: 0,
  view: 0,
  payload: encode(logCustodyCodec, custody),
});

/** The custody that a record of the log states; undefined for a record of agreement. */
export const readCustodyRecord = ({ kind, payload }: WalRecord): LogCustody | undefined =>
  kind === CUSTODY_KIND ? decode(logCustodyCodec, payload, MAX_CUSTODY_BYTES) : undefined;

const date = (timeMs: number): string => new Date(timeMs).toISOString();

/** The error of a key that signed `vote` elsewhere. */
const keyUsedTwice = (sinceMs: number, vote: VoteStatement | undefined): CloisterError =>
  nodeErrors.error('KEY_USED_TWICE', {
    since: date(sinceMs),
    ...(vote === undefined ? { heard: 'a later start' } : { heard: vote.kind, epoch: vote.epoch, view: vote.view }),
  });

/** Writes durably that this key must not sign any more. */
export const refuseForEver = async (
  wal: WriteAheadLog,
  validatorKey: PublicKey,
  generation: number,
  vote: VoteStatement | undefined,
): Promise<CloisterError> => {
  const timeMs = Date.now();
  wal.append(custodyRecord({ state: 'refused', validatorKey, generation, guard: undefined, timeMs, vote }));
  await wal.sync();
  return keyUsedTwice(timeMs, vote);
};

/** Generation that a home has reached. */
export const generationOf = (held: KeyCustody, logged: LogCustody | undefined): number =>
  Math.max(held.generation, logged?.generation ?? 0);

/** Why a home must not sign with its key; undefined when it may. */
export const custodyFault = (held: KeyCustody, logged: LogCustody | undefined): CloisterError | undefined => {
  if (held.state === 'importing') return nodeErrors.error('GUARD_UNFINISHED', { guard: held.guard ?? '' });
  if (logged?.state === 'refused') return keyUsedTwice(logged.timeMs, logged.vote);
  const gone = logged?.state === 'exported' ? logged : held.state === 'exported' ? held : undefined;
  if (gone !== undefined)
    return nodeErrors.error('KEY_EXPORTED', { guard: gone.guard ?? '', exportedAt: date(gone.timeMs) });
  if (logged !== undefined && logged.generation < held.generation)
    return nodeErrors.error('UNSAFE_TO_SIGN', { reason: 'the log of votes is older than the keystore' });
  return undefined;
};
