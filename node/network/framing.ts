/**
 * Length-prefixed framing of the direct streams: a 4-byte big-endian length, then that many bytes.
 *
 * The reader takes chunks of any size and gives each message as its own copy, so that a kept message never pins a
 * socket buffer. It allocates as bytes arrive, not as they are announced: at most twice what was received. After a
 * fault it stays faulty.
 */

/** Bytes before each message. */
export const FRAME_HEADER_BYTES = 4;

/** What can be wrong with a frame. */
export type FrameFault = 'malformed-frame' | 'oversize-frame';

/** Takes one message; `false` stops the reader. */
export type FrameHandler = (message: Uint8Array) => boolean;

const FIRST_ALLOCATION_BYTES = 16 * 1024;

/** Takes a byte stream apart into messages. */
export class FrameReader {
  readonly #maxMessageBytes: number;
  readonly #onMessage: FrameHandler;
  #header = 0;
  #headerBytes = 0;
  #body: Uint8Array | undefined;
  #bodyBytes = 0;
  #fault: FrameFault | undefined;
  #stopped = false;

  constructor(maxMessageBytes: number, onMessage: FrameHandler) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#onMessage = onMessage;
  }

  /** Memory held for a message that is not complete. */
  get bufferedBytes(): number {
    return this.#body?.byteLength ?? 0;
  }

  /** Whether the stream may end here: no message is half read. */
  get atBoundary(): boolean {
    return this.#headerBytes === 0;
  }

  /** Feeds a chunk; returns what is wrong with the stream, if anything. */
  push(chunk: Uint8Array): FrameFault | undefined {
    let offset = 0;
    while (offset < chunk.byteLength && this.#fault === undefined && !this.#stopped) {
      offset = this.#headerBytes < FRAME_HEADER_BYTES ? this.#readHeader(chunk, offset) : this.#readBody(chunk, offset);
    }
    return this.#fault;
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    let offset = start;
    while (this.#headerBytes < FRAME_HEADER_BYTES && offset < chunk.byteLength) {
      this.#header = this.#header * 256 + (chunk[offset] ?? 0);
      this.#headerBytes += 1;
      offset += 1;
    }
    if (this.#headerBytes < FRAME_HEADER_BYTES) return offset;
    if (this.#header === 0) this.#fault = 'malformed-frame';
    else if (this.#header > this.#maxMessageBytes) this.#fault = 'oversize-frame';
    return offset;
  }

  #readBody(chunk: Uint8Array, offset: number): number {
    const length = this.#header;
    const taken = Math.min(length - this.#bodyBytes, chunk.byteLength - offset);
    if (taken === length) {
      const message = new Uint8Array(length);
      message.set(chunk.subarray(offset, offset + length));
      this.#deliver(message);
      return offset + length;
    }
    const needed = this.#bodyBytes + taken;
    const body = this.#reserve(needed, length);
    body.set(chunk.subarray(offset, offset + taken), this.#bodyBytes);
    this.#bodyBytes = needed;
    if (needed === length) this.#deliver(body.byteLength === length ? body : body.slice(0, length));
    return offset + taken;
  }

  #reserve(needed: number, length: number): Uint8Array {
    const current = this.#body;
    if (current !== undefined && current.byteLength >= needed) return current;
    const size = Math.min(length, Math.max(needed, FIRST_ALLOCATION_BYTES, 2 * (current?.byteLength ?? 0)));
    const grown = new Uint8Array(size);
    if (current !== undefined) grown.set(current.subarray(0, this.#bodyBytes));
    this.#body = grown;
    return grown;
  }

  #deliver(message: Uint8Array): void {
    this.#header = 0;
    this.#headerBytes = 0;
    this.#body = undefined;
    this.#bodyBytes = 0;
    if (!this.#onMessage(message)) this.#stopped = true;
  }
}

/** Writes messages one behind the other, each with its length in front. */
export const joinFrames = (messages: readonly Uint8Array[], messageBytes: number): Uint8Array => {
  const joined = Buffer.allocUnsafe(messageBytes + messages.length * FRAME_HEADER_BYTES);
  let offset = 0;
  for (const message of messages) {
    joined.writeUInt32BE(message.byteLength, offset);
    joined.set(message, offset + FRAME_HEADER_BYTES);
    offset += FRAME_HEADER_BYTES + message.byteLength;
  }
  return joined;
};
