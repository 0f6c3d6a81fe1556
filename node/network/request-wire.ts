/**
 * Bytes of the request protocol: one frame each way on a stream of its own, each end closing its half after it.
 *
 * Request = method length (1 byte), method (ASCII), payload. Response = status (1 byte), then the payload or the code of
 * an error (ASCII). Streams are flow controlled, so a large response needs no chunks of its own: it is written in slices
 * as the peer takes them.
 */
import type { Stream } from '@libp2p/interface';

import { FRAME_HEADER_BYTES, FrameReader } from './framing.ts';
import { eachPart } from './inbound-channel.ts';

/** Longest method name or error code. */
export const MAX_NAME_BYTES = 64;
/** Bytes beside the payload in a request. */
export const REQUEST_OVERHEAD_BYTES = 1 + MAX_NAME_BYTES;
/** Bytes beside the payload in a response. */
export const RESPONSE_OVERHEAD_BYTES = 1;

const STATUS_OK = 0;
const STATUS_ERROR = 1;
const SLICE_BYTES = 256 * 1024;
const NAME = /^[A-Za-z0-9_./-]{1,64}$/;

/** A request as it stands in its frame. */
export interface WireRequest {
  readonly method: string;
  readonly payload: Uint8Array;
}

/** A response as it stands in its frame. */
export type WireResponse =
  | { readonly kind: 'ok'; readonly payload: Uint8Array }
  | { readonly kind: 'error'; readonly code: string };

/** Whether a text may name a method or an error. */
export const isRequestName = (text: string): boolean => NAME.test(text);

const framed = (head: Uint8Array, payload: Uint8Array): Uint8Array => {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + head.byteLength + payload.byteLength);
  bytes.writeUInt32BE(head.byteLength + payload.byteLength, 0);
  bytes.set(head, FRAME_HEADER_BYTES);
  bytes.set(payload, FRAME_HEADER_BYTES + head.byteLength);
  return bytes;
};

/** The frame of a request. */
export const frameRequest = (request: WireRequest): Uint8Array =>
  framed(Buffer.concat([Buffer.of(request.method.length), Buffer.from(request.method, 'ascii')]), request.payload);

/** The frame of a response. */
export const frameResponse = (response: WireResponse): Uint8Array =>
  response.kind === 'ok'
    ? framed(Buffer.of(STATUS_OK), response.payload)
    : framed(Buffer.of(STATUS_ERROR), Buffer.from(response.code, 'ascii'));

const asciiName = (bytes: Uint8Array): string | undefined => {
  const text = Buffer.from(bytes).toString('latin1');
  return isRequestName(text) ? text : undefined;
};

/** Reads a request; undefined when it is malformed. */
export const parseRequest = (message: Uint8Array): WireRequest | undefined => {
  const length = message[0] ?? 0;
  const method = asciiName(message.subarray(1, 1 + length));
  if (method === undefined || method.length !== length) return undefined;
  return { method, payload: message.slice(1 + length) };
};

/** Reads a response; undefined when it is malformed. */
export const parseResponse = (message: Uint8Array): WireResponse | undefined => {
  if (message[0] === STATUS_OK) return { kind: 'ok', payload: message.slice(1) };
  const code = asciiName(message.subarray(1));
  return message[0] === STATUS_ERROR && code !== undefined ? { kind: 'error', code } : undefined;
};

/** Why no frame came. */
export type ReadFailure = 'malformed' | 'oversize' | 'closed';

/** What one read of a frame gave. */
export type ReadResult = { readonly kind: 'frame'; readonly message: Uint8Array } | { readonly kind: ReadFailure };

/** Reads the only frame of a stream. Resolves in any case once the stream ends; abort the stream to give up. */
export const readFrame = (
  stream: Stream,
  maxBytes: number,
  onStreamBytes: (bytes: number) => void,
): Promise<ReadResult> =>
  new Promise((resolve) => {
    const reader = new FrameReader(maxBytes, (message) => {
      resolve({ kind: 'frame', message });
      return false;
    });
    stream.addEventListener('message', (event) => {
      onStreamBytes(event.data.byteLength);
      eachPart(event.data, (part) => {
        const fault = reader.push(part);
        if (fault !== undefined) resolve({ kind: fault === 'oversize-frame' ? 'oversize' : 'malformed' });
      });
    });
    stream.addEventListener('end', () => resolve({ kind: reader.atBoundary ? 'closed' : 'malformed' }));
    // What arrived before we listened is handed over in a microtask, perhaps after 'close'.
    const closed = (): void => void setImmediate(() => resolve({ kind: 'closed' }));
    if (stream.status === 'open') stream.addEventListener('close', closed);
    else closed();
  });

/** Writes bytes in slices as the peer takes them, then closes the writing half. Throws when the stream ends before. */
export const writeAndClose = async (stream: Stream, bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
  for (let offset = 0; offset < bytes.byteLength; offset += SLICE_BYTES) {
    const more = stream.send(bytes.subarray(offset, offset + SLICE_BYTES));
    if (!more) await stream.onDrain({ signal });
  }
  await stream.close({ signal });
};
