/**
 * Bytes of one write-ahead log segment.
 *
 * segment = magic 8 ‖ version u16 ‖ sealed(chain id 32 ‖ number u64 ‖ digest of the segment before 32) ‖ records.
 * record = length u32 ‖ CRC-32 u32 ‖ sealed(kind u8 ‖ epoch u64 ‖ view u64 ‖ group u64 ‖ payload), bound to segment and
 * offset. All integers big-endian. The check value is zlib's CRC-32 (native, 1 GB/s; CRC-32C in JavaScript would cost
 * 3 ms for a block): it only tells torn from whole, the seal authenticates. `group` counts syncs: a record of group g
 * was written after every record of group g − 1 was durable. The digest runs over header and records, so a segment
 * vouches for the whole of its predecessor.
 */
import { crc32 } from 'node:zlib';
import { sha256 } from '#primitives';
import { concatBytes, newBytes, u64Bytes } from '../protocol/hex.ts';
import { SEAL_OVERHEAD_BYTES, type SyntheticSeal } from './record-cipher.ts';

const MAGIC = Uint8Array.of(0x43, 0x4c, 0x4f, 0x49, 0x53, 0x57, 0x41, 0x4c);
const VERSION = 1;
const CLEAR_BYTES = MAGIC.length + 2;
const FRAME_BYTES = 8;
const FIELD_BYTES = 25;

/** Size of a segment's header. */
export const HEADER_BYTES = CLEAR_BYTES + 72 + SEAL_OVERHEAD_BYTES;
/** Largest payload of a record: a block with its justification fits several times. */
export const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

/** One record of the log. `kind` and `payload` mean something to the caller only. */
export interface WalRecord {
  readonly kind: number;
  readonly epoch: number;
  readonly view: number;
  readonly payload: Uint8Array;
}

/** What a segment's header says. */
export interface SegmentHeader {
  readonly chainId: Uint8Array;
  readonly number: number;
  readonly previous: Uint8Array;
}

/** A record found in a segment. */
export interface ParsedRecord extends WalRecord {
  readonly group: number;
  /** Offset behind the record. */
  readonly end: number;
  /** Its contribution to the running digest. */
  readonly frame: Uint8Array;
}

const readU64 = (view: DataView, offset: number): number =>
  view.getUint32(offset) * 0x100000000 + view.getUint32(offset + 4);

const clearHeader = (): Uint8Array => concatBytes(MAGIC, Uint8Array.of(VERSION >> 8, VERSION & 0xff));

/** Bytes of a segment header. */
export const sealHeader = (seal: SyntheticSeal, { chainId, number, previous }: SegmentHeader): Uint8Array => {
  const clear = clearHeader();
  return concatBytes(clear, seal.seal(clear, concatBytes(chainId, u64Bytes(number), previous)));
};

/** The header at the start of a segment, or undefined when it is torn, altered or of another version or key. */
export const openHeader = (seal: SyntheticSeal, segment: Uint8Array): SegmentHeader | undefined => {
  if (segment.length < HEADER_BYTES) return undefined;
  const clear = clearHeader();
  if (!clear.every((byte, index) => segment[index] === byte)) return undefined;
  const content = seal.open(clear, segment.subarray(CLEAR_BYTES, HEADER_BYTES));
  if (content?.length !== 72) return undefined;
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  return { chainId: content.slice(0, 32), number: readU64(view, 32), previous: content.slice(40, 72) };
};

const place = (segment: number, offset: number): Uint8Array => concatBytes(u64Bytes(segment), u64Bytes(offset));

/** Bytes of a record that starts at `offset` of a segment. */
export const sealRecord = (
  seal: SyntheticSeal,
  segment: number,
  offset: number,
  group: number,
  record: WalRecord,
): Uint8Array => {
  const fields = newBytes(FIELD_BYTES + record.payload.length);
  fields[0] = record.kind;
  fields.set(u64Bytes(record.epoch), 1);
  fields.set(u64Bytes(record.view), 9);
  fields.set(u64Bytes(group), 17);
  fields.set(record.payload, FIELD_BYTES);
  const sealed = seal.seal(place(segment, offset), fields);
  const bytes = newBytes(FRAME_BYTES + sealed.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_BYTES);
  view.setUint32(0, sealed.length);
  view.setUint32(4, crc32(sealed));
  bytes.set(sealed, FRAME_BYTES);
  return bytes;
};

/** The record at `offset` of a segment, or undefined when what is there is not a whole authentic record. */
export const openRecord = (
  seal: SyntheticSeal,
  number: number,
  segment: Uint8Array,
  offset: number,
): ParsedRecord | undefined => {
  if (offset + FRAME_BYTES > segment.length) return undefined;
  const frame = new DataView(segment.buffer, segment.byteOffset + offset, FRAME_BYTES);
  const length = frame.getUint32(0);
  const end = offset + FRAME_BYTES + length;
  if (length < FIELD_BYTES + SEAL_OVERHEAD_BYTES || length > MAX_PAYLOAD_BYTES + FIELD_BYTES + SEAL_OVERHEAD_BYTES)
    return undefined;
  if (end > segment.length) return undefined;
  const sealed = segment.subarray(offset + FRAME_BYTES, end);
  if (crc32(sealed) !== frame.getUint32(4)) return undefined;
  const fields = seal.open(place(number, offset), sealed);
  if (fields === undefined) return undefined;
  const view = new DataView(fields.buffer, fields.byteOffset, fields.byteLength);
  return {
    kind: view.getUint8(0),
    epoch: readU64(view, 1),
    view: readU64(view, 9),
    group: readU64(view, 17),
    payload: fields.slice(FIELD_BYTES),
    end,
    frame: frameOf(segment.subarray(offset, end)),
  };
};

/** The bytes of a record that enter the running digest: length, check value and authentication tag. */
export const frameOf = (record: Uint8Array): Uint8Array =>
  concatBytes(record.subarray(0, FRAME_BYTES), record.subarray(record.length - 16));

/** Running digest at the start of a segment. */
export const startDigest = (header: Uint8Array): Uint8Array => sha256(header);

/** Running digest after one more record. */
export const nextDigest = (digest: Uint8Array, frame: Uint8Array): Uint8Array => sha256(digest, frame);
