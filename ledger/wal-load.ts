/**
 * What happens to a write-ahead log before its key may sign: segments are complete and in sequence, every record that
 * was synced is there and authentic, and only the unsynced tail of the last segment may be torn.
 *
 * The marker (`wal.state`) holds first and last segment and the synced length and digest of the last. It is written
 * after each sync, so anything missing or damaged before that length is WAL_CORRUPT. Behind it (after a power loss the
 * marker may be old) a bad record counts as torn unless records of a later sync follow it: those prove that it had been
 * whole on disk.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { bytes, decode, encode, type Infer, struct, u64 } from '../protocol/codec.ts';
import { equalBytes } from '../protocol/hex.ts';
import { ledgerErrors } from './errors.ts';
import type { SyntheticSeal } from './record-cipher.ts';
import { fixedSize } from './records.ts';
import { SealedSlots, syncDirectory } from './sealed-slots.ts';
import { HEADER_BYTES, nextDigest, openHeader, openRecord, startDigest, type WalRecord } from './wal-segment.ts';

const MARKER_NAME = 'wal.state';
const SEGMENT_NAME = /^(\d{8,15})\.wal$/;
/** How far behind a bad place later syncs are looked for: past the largest block, and under a second of work. */
const SCAN_BYTES = 2 * 1024 * 1024;

/** Content of the marker; `last` 0 means that no segment was ever completed. */
export const walStateCodec = struct({ first: u64, last: u64, length: u64, digest: bytes(32) });
/** See `walStateCodec`. */
export type WalState = Infer<typeof walStateCodec>;

const EMPTY_STATE: WalState = { first: 1, last: 0, length: 0, digest: new Uint8Array(32) };
const STATE_BYTES = fixedSize(walStateCodec, EMPTY_STATE);

/** A segment and the newest (epoch, view) in it. */
export interface SegmentSummary {
  readonly number: number;
  epoch: number;
  view: number;
}

/** What opening found. */
export interface WalReport {
  readonly created: boolean;
  readonly segments: number;
  readonly records: number;
  /** Bytes of an incomplete last write that were cut off; 0 after an orderly stop. */
  readonly tornBytes: number;
}

/** Inputs of `loadLog`. */
export interface LoadInputs {
  readonly directory: string;
  readonly chainId: Uint8Array;
  readonly seal: SyntheticSeal;
  readonly mustExist: boolean;
  readonly onRecord: (record: WalRecord) => void;
}

/** A log that may be appended to. */
export interface LoadedLog {
  readonly marker: SealedSlots;
  readonly state: WalState;
  readonly segments: SegmentSummary[];
  /** Group of the newest record. */
  readonly group: number;
  readonly report: WalReport;
}

const corruptLog = (reason: string, data: Readonly<Record<string, number>> = {}): Error =>
  ledgerErrors.error('WAL_CORRUPT', { reason, ...data });

/** Path of a segment. */
export const segmentPath = (directory: string, number: number): string =>
  join(directory, `${String(number).padStart(8, '0')}.wal`);

const listSegments = (directory: string): number[] =>
  readdirSync(directory)
    .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);

/** Opens the marker and checks every segment; throws WAL_CORRUPT, WAL_MISSING or WAL_WRONG_CHAIN. */
export const loadLog = (inputs: LoadInputs): LoadedLog => {
  const path = join(inputs.directory, MARKER_NAME);
  const numbers = listSegments(inputs.directory);
  if (!existsSync(path)) {
    if (numbers.length > 0) throw corruptLog('the state marker is missing');
    if (inputs.mustExist) throw ledgerErrors.error('WAL_MISSING');
    return emptyLog(SealedSlots.create(path, inputs.seal, encode(walStateCodec, EMPTY_STATE)));
  }
  const { slots: marker, payload } = SealedSlots.open(path, inputs.seal, STATE_BYTES);
  try {
    if (payload === undefined) throw corruptLog('the state marker is altered or of another key');
    const state = decode(walStateCodec, payload, STATE_BYTES);
    if (state.last === 0) {
      // A crash during the creation: the first segment holds nothing yet.
      if (numbers.some((number) => number > 1)) throw corruptLog('segments that the state marker does not know');
      if (inputs.mustExist) throw ledgerErrors.error('WAL_MISSING');
      for (const number of numbers) unlinkSync(segmentPath(inputs.directory, number));
      return emptyLog(marker);
    }
    return loadSegments(inputs, marker, state, numbers);
  } catch (failure) {
    marker.close();
    throw failure;
  }
};

const emptyLog = (marker: SealedSlots): LoadedLog => ({
  marker,
  state: EMPTY_STATE,
  segments: [],
  group: 0,
  report: { created: true, segments: 0, records: 0, tornBytes: 0 },
});

/** The segments that must be there, in order; those before `first` were pruned and are removed for good. */
const expectedSegments = (inputs: LoadInputs, state: WalState, numbers: readonly number[]): number[] => {
  const live = numbers.filter((number) => number >= state.first);
  if (live.length === 0) throw ledgerErrors.error('WAL_MISSING');
  for (const number of numbers) if (number < state.first) unlinkSync(segmentPath(inputs.directory, number));
  const last = live.at(-1) ?? 0;
  for (let number = state.first; number <= Math.max(last, state.last); number += 1) {
    if (!live.includes(number)) throw corruptLog('a segment is missing', { segment: number });
  }
  if (last > state.last + 1) throw corruptLog('segments that the state marker does not know', { segment: last });
  return live;
};

const loadSegments = (
  inputs: LoadInputs,
  marker: SealedSlots,
  state: WalState,
  numbers: readonly number[],
): LoadedLog => {
  const live = expectedSegments(inputs, state, numbers);
  const segments: SegmentSummary[] = [];
  let tornBytes = 0;
  let records = 0;
  let group = 0;
  let reached: WalState = state;
  let before: Uint8Array | undefined;
  for (const [index, number] of live.entries()) {
    const content = new Uint8Array(readFileSync(segmentPath(inputs.directory, number)));
    const newest = index === live.length - 1;
    if (newest && number > state.last && openHeader(inputs.seal, content) === undefined) {
      // A crash while the segment was created: no record was ever written to it.
      unlinkSync(segmentPath(inputs.directory, number));
      syncDirectory(inputs.directory);
      tornBytes += content.length;
      break;
    }
    const read = readSegment(inputs, { content, number, state, before, newest, group });
    segments.push(read.summary);
    records += read.records;
    group = read.group;
    before = read.digest;
    tornBytes += content.length - read.length;
    reached = { first: state.first, last: number, length: read.length, digest: read.digest };
  }
  makeDurable(inputs.directory, reached, tornBytes > 0);
  marker.write(encode(walStateCodec, reached));
  marker.sync();
  return {
    marker,
    state: reached,
    segments,
    group,
    report: { created: false, segments: segments.length, records, tornBytes },
  };
};

/** Cuts a torn tail off and makes what was read durable before anyone relies on it. */
const makeDurable = (directory: string, { last, length }: WalState, torn: boolean): void => {
  const descriptor = openSync(segmentPath(directory, last), 'r+');
  try {
    if (torn) ftruncateSync(descriptor, length);
    fdatasyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

interface SegmentInputs {
  readonly content: Uint8Array;
  readonly number: number;
  readonly state: WalState;
  readonly before: Uint8Array | undefined;
  readonly newest: boolean;
  readonly group: number;
}

interface ReadSegment {
  readonly summary: SegmentSummary;
  readonly records: number;
  readonly group: number;
  readonly digest: Uint8Array;
  readonly length: number;
}

const checkHeader = (inputs: LoadInputs, { content, number, before }: SegmentInputs): void => {
  const header = openHeader(inputs.seal, content);
  if (header === undefined) throw corruptLog('the header of a segment is altered', { segment: number, offset: 0 });
  if (!equalBytes(header.chainId, inputs.chainId)) throw ledgerErrors.error('WAL_WRONG_CHAIN');
  if (header.number !== number) throw corruptLog('a segment has the name of another', { segment: number });
  if (before !== undefined && !equalBytes(header.previous, before))
    throw corruptLog('a segment lost records at its end', { segment: number - 1 });
};

const readSegment = (inputs: LoadInputs, segment: SegmentInputs): ReadSegment => {
  checkHeader(inputs, segment);
  const { content, number, state } = segment;
  const summary: SegmentSummary = { number, epoch: 0, view: 0 };
  let { group } = segment;
  let records = 0;
  let offset = HEADER_BYTES;
  let digest = startDigest(content.subarray(0, HEADER_BYTES));
  const checkMark = (): void => {
    if (number === state.last && offset === state.length && !equalBytes(digest, state.digest)) {
      throw corruptLog('records before the synced length were replaced', { segment: number, offset });
    }
  };
  checkMark();
  while (offset < content.length) {
    const record = openRecord(inputs.seal, number, content, offset);
    if (record === undefined || record.group < group) {
      if (isDamage(inputs, segment, offset, group))
        throw corruptLog('a record is altered', { segment: number, offset });
      break;
    }
    digest = nextDigest(digest, record.frame);
    offset = record.end;
    group = record.group;
    records += 1;
    if (record.epoch > summary.epoch || (record.epoch === summary.epoch && record.view > summary.view)) {
      summary.epoch = record.epoch;
      summary.view = record.view;
    }
    inputs.onRecord({ kind: record.kind, epoch: record.epoch, view: record.view, payload: record.payload });
    checkMark();
  }
  if (number === state.last && offset < state.length)
    throw corruptLog('synced records are missing', { segment: number, offset });
  return { summary, records, group, digest, length: offset };
};

/** Whether a bad place is damage rather than the torn end of the last, unsynced write. */
const isDamage = (
  inputs: LoadInputs,
  { content, number, state, newest }: SegmentInputs,
  bad: number,
  group: number,
): boolean => {
  if (!newest || number < state.last || (number === state.last && bad < state.length)) return true;
  const end = Math.min(content.length, bad + SCAN_BYTES);
  for (let offset = bad + 1; offset < end; offset += 1) {
    const record = openRecord(inputs.seal, number, content, offset);
    // The bad record belongs to sync `group` or `group + 1`; a later group was written after it was durable.
    if (record !== undefined && record.group > group + 1) return true;
  }
  return false;
};
