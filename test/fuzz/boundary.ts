/** An enclave in this process as its host reaches it: every request and every answer is a frame of the boundary. */
import type { EnclaveErrorCode } from '../../enclave/boundary/errors.ts';
import {
  decodeReply,
  decodeRequest,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  type ReplyOf,
  type RequestKind,
  type RequestOf,
} from '../../enclave/boundary/messages.ts';
import type { Enclave } from '../../enclave/runtime/enclave.ts';
import { isCloisterError } from '../../protocol/errors.ts';

/** What comes back: a reply, or the code of a refusal and `fault` where the runtime knows more than it says. */
export type Answer<K extends RequestKind> =
  | { readonly reply: ReplyOf<K> }
  | { readonly code: string; readonly fault: unknown };

/** Sends the frame of a request. */
export const sendFrame = <K extends RequestKind>(enclave: Enclave, kind: K, frame: Uint8Array): Answer<K> => {
  const received = decodeRequest(frame);
  let fault: unknown;
  let answer: Uint8Array;
  try {
    answer =
      received.kind === 'malformed'
        ? encodeRefusal(received.id, 'REQUEST_MALFORMED')
        : encodeReply(1, received.kind, enclave.handle(received.kind, received.request));
  } catch (error) {
    if (!isCloisterError(error)) throw error;
    fault = error.data['fault'];
    answer = encodeRefusal(1, error.code as EnclaveErrorCode);
  }
  try {
    return { reply: decodeReply(kind, answer) };
  } catch (error) {
    if (!isCloisterError(error)) throw error;
    return { code: error.code, fault };
  }
};

/** Sends a request. */
export const send = <K extends RequestKind>(enclave: Enclave, kind: K, request: RequestOf<K>): Answer<K> =>
  sendFrame(enclave, kind, encodeRequest(1, kind, request));
