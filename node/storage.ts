/** What a validator keeps of agreement on its disk and finds there at start: the log of its votes, and its ledger. */
import { type BlockHash, type ChainId, height as asHeight } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import { recordEpoch, recordView, type WalRecord, walRecordCodec } from '../protocol/consensus/wal-record.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { MAX_READINESS_AGE_BLOCKS } from '../protocol/limits.ts';
import { basePoint, type FinalPoint } from '../consensus/state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type WalRecord as LogRecord, WriteAheadLog } from '../ledger/wal.ts';
import { readProvenBlock } from './stored-blocks.ts';

/** Kind byte of a record in the log's frame; the payload names its own kind as well. */
const recordKinds: Readonly<Record<WalRecord['kind'], number>> = {
  vote: 1,
  certificate: 2,
  block: 3,
  evidence: 4,
  finalized: 5,
  closing: 6,
};

/** A record as it stands in the log. */
export const logRecordOf = (record: WalRecord): LogRecord => ({
  kind: recordKinds[record.kind],
  epoch: recordEpoch(record),
  view: recordView(record),
  payload: encode(walRecordCodec, record),
});

/** Opens the votes' log; without it, or with a damaged one, this key must not sign. */
export const openLog = async (
  directory: string,
  options: { readonly replicaKey: Uint8Array; readonly chainId: ChainId; readonly mustExist: boolean },
): Promise<{ readonly wal: WriteAheadLog; readonly records: readonly WalRecord[] }> => {
  const records: WalRecord[] = [];
  const { log } = await WriteAheadLog.open(directory, {
    ...options,
    onRecord: ({ payload }) => records.push(decode(walRecordCodec, payload, payload.length)),
  });
  return { wal: log, records };
};

/** Newest block of an epoch in the ledger whose finalization is its own; agreement delivers what lies above it again. */
export const finalPointOf = (ledger: Ledger, anchor: EpochAnchor): FinalPoint => {
  const { base } = anchor;
  for (let number: number = ledger.head().finalisedHeight; number > base.height; number -= 1) {
    const block = readProvenBlock(ledger, number);
    if (block === undefined || block.following.length > 0) continue;
    const { view, timeMs, stateCert } = block.header;
    return { id: block.id, height: asHeight(number), view, timeMs, stateCert, finalization: block.finalization };
  }
  const closing = base.height === 0 ? undefined : readProvenBlock(ledger, base.height);
  return basePoint(anchor, closing?.header.stateCert);
};

/** Ids of the newest final blocks of the ledger, by height: joiners may vouch for them. */
export const recentBlocks = (ledger: Ledger): ReadonlyMap<number, BlockHash> => {
  const newest = ledger.head().finalisedHeight;
  const recent = new Map<number, BlockHash>();
  for (let number = Math.max(1, newest - 2 * MAX_READINESS_AGE_BLOCKS); number <= newest; number += 1) {
    const id = ledger.readBlockHash(asHeight(number));
    if (id !== undefined) recent.set(number, id);
  }
  return recent;
};
