/** What a validator finds on its disk at start: the log of its votes, and the newest final block of its ledger. */
import { type BlockHash, type ChainId, height as asHeight } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import { type WalRecord, walRecordCodec } from '../protocol/consensus/wal-record.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { MAX_READINESS_AGE_BLOCKS } from '../protocol/limits.ts';
import { basePoint, type FinalPoint } from '../consensus/state.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { WriteAheadLog } from '../ledger/wal.ts';
import { readProvenBlock } from './stored-blocks.ts';

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
