/** How records of agreement are framed in the log of votes; records of custody (`custody.ts`) have a kind of their own. */
import { encode } from '../protocol/codec.ts';
import { recordEpoch, recordView, type WalRecord, walRecordCodec } from '../protocol/consensus/wal-record.ts';
import type { WalRecord as LogRecord } from '../ledger/wal.ts';

/** Kind byte of a record in the log's frame; the payload names its own kind as well. */
const recordKinds: Readonly<Record<WalRecord['kind'], number>> = {
  vote: 1,
  certificate: 2,
  block: 3,
  evidence: 4,
  finalized: 5,
  closing: 6,
};

/** The frame of a record. */
export const logRecord = (record: WalRecord): LogRecord => ({
  kind: recordKinds[record.kind],
  epoch: recordEpoch(record),
  view: recordView(record),
  payload: encode(walRecordCodec, record),
});
