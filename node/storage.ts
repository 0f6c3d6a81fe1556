/** What a validator finds on its disk at start: the log of its votes, and the newest final block of its ledger. */
import { type ChainId, height as asHeight } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import { type WalRecord, walRecordCodec } from '../protocol/consensus/wal-record.ts';
import { basePoint, type CoreConfig, type FinalPoint } from '../consensus/state.ts';
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

/** Newest block of the ledger whose finalization is its own; agreement delivers what lies above it again. */
export const finalPointOf = (ledger: Ledger, config: CoreConfig): FinalPoint => {
  for (let number: number = ledger.head().finalisedHeight; number > 0; number -= 1) {
    const block = readProvenBlock(ledger, number);
    if (block === undefined || block.following.length > 0) continue;
    const { view, timeMs, stateCert } = block.header;
    return { id: block.id, height: asHeight(number), view, timeMs, stateCert, finalization: block.finalization };
  }
  return basePoint(config.anchor);
};
