/**
 * Frames on the byte channel between a node and its enclave: `length u32 big-endian ‖ version u8 ‖ body`.
 *
 * `length` counts the version byte and the body. A frame that is too large, empty or of another version is skipped to
 * its end and reported, so that one bad frame neither desynchronises the channel nor changes any state. Memory grows
 * with bytes received, never with a length that was only claimed.
 */
import { concatBytes } from '../../protocol/hex.ts';

/** Version of the boundary: framing and messages together. */
export const BOUNDARY_VERSION = 1;
/** Largest body of a frame: 56 MiB of outputs, 32 MiB of write set and 16 MiB of receipts of one block, with room. */
export const MAX_FRAME_BYTES = 128 * 1024 * 1024;

const LENGTH_BYTES = 4;
const HEADER_BYTES = LENGTH_BYTES + 1;

/** Why a frame was refused without being read. */
export type FrameRefusal = 'FRAME_TOO_LARGE' | 'FRAME_EMPTY' | 'FRAME_VERSION_UNKNOWN';

/** What the decoder found, in the order of the channel. */
export type FrameEvent =
  | { readonly kind: 'frame'; readonly body: Uint8Array }
  | { readonly kind: 'refused'; readonly code: FrameRefusal; readonly sizeBytes: number };

/** The header to send before a body of `bodyBytes`. */
export function frameHeader(bodyBytes: number): Uint8Array {
  if (bodyBytes < 1 || bodyBytes > MAX_FRAME_BYTES) throw new RangeError('a frame body has 1 to MAX_FRAME_BYTES bytes');
  const header = new Uint8Array(HEADER_BYTES);
  new DataView(header.buffer).setUint32(0, bodyBytes + 1);
  header[LENGTH_BYTES] = BOUNDARY_VERSION;
  return header;
}

/** Splits a byte stream into frames. One instance per channel and direction. */
export class FrameDecoder {
  readonly #maxBodyBytes: number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #neededBytes = HEADER_BYTES;
  #skipBytes = 0;

  constructor(maxBodyBytes: number = MAX_FRAME_BYTES) {
    this.#maxBodyBytes = maxBodyBytes;
  }

  /** Feeds received bytes and returns what became complete. */
  push(chunk: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = [];
    let rest = this.#skip(chunk);
    if (rest.length > 0) {
      this.#pending.push(rest);
      this.#pendingBytes += rest.length;
    }
    while (this.#skipBytes === 0 && this.#pendingBytes >= this.#neededBytes) {
      const bytes = this.#pending.length === 1 ? (this.#pending[0] ?? rest) : concatBytes(...this.#pending);
      rest = this.#take(bytes, events);
      this.#pending = rest.length > 0 ? [rest] : [];
      this.#pendingBytes = rest.length;
    }
    return events;
  }

  /** Reads one header, and its body when complete; returns what is left over. */
  #take(bytes: Uint8Array, events: FrameEvent[]): Uint8Array {
    const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
    const refusal = this.#refusal(length, bytes[LENGTH_BYTES] ?? 0);
    if (refusal !== undefined) {
      events.push({ kind: 'refused', code: refusal, sizeBytes: length });
      this.#neededBytes = HEADER_BYTES;
      this.#skipBytes = length;
      return this.#skip(bytes.subarray(LENGTH_BYTES));
    }
    const end = LENGTH_BYTES + length;
    if (bytes.length < end) {
      this.#neededBytes = end;
      return bytes;
    }
    this.#neededBytes = HEADER_BYTES;
    events.push({ kind: 'frame', body: bytes.subarray(HEADER_BYTES, end) });
    return bytes.subarray(end);
  }

  #refusal(length: number, version: number): FrameRefusal | undefined {
    if (length < 2) return 'FRAME_EMPTY';
    if (length > this.#maxBodyBytes + 1) return 'FRAME_TOO_LARGE';
    return version === BOUNDARY_VERSION ? undefined : 'FRAME_VERSION_UNKNOWN';
  }

  #skip(chunk: Uint8Array): Uint8Array {
    const skipped = Math.min(this.#skipBytes, chunk.length);
    this.#skipBytes -= skipped;
    return chunk.subarray(skipped);
  }
}
