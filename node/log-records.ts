/** How records of agreement are framed in the log of votes; records of custody (`custody.ts`) have a kind of their own. */
import { encode } from '../protocol/codec.ts';
import { recordView, type WalRecord, walRecordCodec } from '../protocol/consensus/wal-record.ts';
import type { WalRecord as LogRecord } from '../ledger/wal.ts';

/** Kind byte of a record in the log's frame; the payload names its own kind as well. */
const recordKinds: Readonly<Record<WalRecord['kind'], number>> = {
  vote: 1,
  certificate: 2,
  block: 3,
  evidence: 4,
  finalized: 5,
};

/** The frame of a record that belongs to an epoch. */
export const logRecord = (record: WalRecord, epoch: number): LogRecord => ({
  kind: recordKinds[record.kind],
  epoch,
  view: recordView(record),
  payload: encode(walRecordCodec, record),
});
