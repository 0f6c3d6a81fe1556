/**
 * The messages between a node and its enclave: seven kinds, codec and type together.
 *
 * A request frame is `id u32 ‖ kind u8 ‖ message`; a reply frame is `id u32 ‖ 0 ‖ message` or `id u32 ‖ 1 ‖ error`. Ids are the
 * host's; replies come in the order of the requests. What is signed or
 * hashed has a hand-laid preimage or travels as bytes. Everything here is public or sealed: the channel needs no secrecy.
 */
import {
  bool,
  byteString,
  bytes,
  decode,
  encode,
  type Infer,
  list,
  optional,
  struct,
  text,
  u32,
  u64,
  union,
} from '../../protocol/codec.ts';
import { blockBodyCodec } from '../../protocol/consensus/body.ts';
import { certificateCodec } from '../../protocol/consensus/certificate.ts';
import { epochProofCodec } from '../../protocol/consensus/epoch-proof.ts';
import { headerCodec } from '../../protocol/consensus/header.ts';
import { MAX_PROOF_HEADERS } from '../../protocol/finality.ts';
import {
  MAX_BLOCK_TRANSACTIONS,
  MAX_ENVELOPE_BYTES,
  MAX_OUTPUT_BYTES,
  MAX_OUTPUTS,
  MAX_VALIDATORS,
  MAX_WRITE_SET_BYTES,
} from '../../protocol/limits.ts';
import { MAX_RECEIPT_BYTES } from '../../protocol/receipt.ts';
import { resultCertificateCodec } from '../../protocol/result.ts';
import {
  blockHashCodec,
  chainIdCodec,
  epochCodec,
  hashCodec,
  heightCodec,
  measurementCodec,
  publicKeyCodec,
  signatureCodec,
  stateRootCodec,
  transactionIdCodec,
} from '../../protocol/scalars.ts';
import { enclaveErrors, type EnclaveErrorCode } from './errors.ts';
import { MAX_FRAME_BYTES } from './framing.ts';

/** Largest sealed blob that a host keeps for its enclave. */
export const MAX_SEALED_BLOB_BYTES = 16 * 1024;
/** Largest attestation evidence. */
export const MAX_EVIDENCE_BYTES = 8192;
/** Most envelopes in one admission request. */
export const MAX_ADMIT_BATCH = 4096;
/** Largest encoded genesis. */
export const MAX_GENESIS_BYTES = 2 * 1024 * 1024;
const MAX_PEER_MESSAGE_BYTES = 8192;
/** Most proofs of changes of epoch in one request. */
export const MAX_EPOCHS_PER_REQUEST = 16;
/** Most heights that one `restore` takes over: their write sets are in memory together. */
export const MAX_RESTORED_BLOCKS = 256;
const MAX_TEXT_BYTES = 128;

/** First request: names the platform and hands over what the processor sealed before. */
const helloRequest = struct({
  /** Secret of the simulated processor, standing in for a sealing key fused into hardware. */
  processorSecret: bytes(32),
  /** Certificate of the simulated processor under the network's simulated root. */
  processorCertificate: byteString(MAX_EVIDENCE_BYTES),
  /** Identity that an earlier run of this enclave sealed; absent on the very first start. */
  sealedIdentity: optional(byteString(MAX_SEALED_BLOB_BYTES)),
});
const helloReply = struct({
  measurement: measurementCodec,
  platform: text(16),
  /** Ed25519 key that signs results. */
  enclaveKey: publicKeyCodec,
  /** X-Wing key to which peers seal. */
  enclaveKem: byteString(2048),
  evidence: byteString(MAX_EVIDENCE_BYTES),
  /** Commitment to this enclave's share of the first epoch secret. */
  contribution: hashCodec,
  sealedIdentity: byteString(MAX_SEALED_BLOB_BYTES),
});

/** A message from one enclave to another, relayed by the nodes. */
export const peerMessageCodec = struct({ enclaveKey: publicKeyCodec, message: byteString(MAX_PEER_MESSAGE_BYTES) });
const peerMessages = list(peerMessageCodec, 2 * MAX_VALIDATORS);

/** Binds the enclave to a network, brings the epoch secret in, and tells of epochs. May be repeated with more. */
const provisionRequest = struct({
  genesis: byteString(MAX_GENESIS_BYTES),
  /** Proofs of changes of epoch, in order; those already known may be repeated. */
  epochs: list(epochProofCodec, MAX_EPOCHS_PER_REQUEST),
  /** Epoch secret that this enclave sealed for a restart of a test network. */
  sealedEpoch: optional(byteString(MAX_SEALED_BLOB_BYTES)),
  /** Messages received from other validators' enclaves; `enclaveKey` is the sender. */
  contributions: peerMessages,
});
/** Statement of the epoch's envelope key, signed by this enclave. */
const epochKeyCodec = struct({ statement: byteString(4096), signature: signatureCodec });
const provisionReply = struct({
  chainId: chainIdCodec,
  /** Newest epoch that was proven to the enclave. */
  epoch: epochCodec,
  /** Whether the epoch secret is complete. */
  ready: bool,
  /** Messages to relay; `enclaveKey` is the recipient. */
  outgoing: peerMessages,
  epochKey: optional(epochKeyCodec),
  /** For test networks on the simulated platform only: keep it and hand it in after a restart. */
  sealedEpoch: optional(byteString(MAX_SEALED_BLOB_BYTES)),
});

const admitRequest = struct({ envelopes: list(byteString(MAX_ENVELOPE_BYTES), MAX_ADMIT_BATCH) });
const admitReply = struct({ verdicts: list(struct({ admitted: bool, code: text(MAX_TEXT_BYTES) }), MAX_ADMIT_BATCH) });

/** A finalised block: `headers[0]` is its own, the rest lead to the one that `finalization` names. */
const executeRequest = struct({
  headers: list(headerCodec, MAX_PROOF_HEADERS),
  finalization: certificateCodec,
  body: blockBodyCodec,
});
/** One executed call: its public receipt and its sealed outputs, the caller's first. */
export const executedCallCodec = struct({
  transactionId: transactionIdCodec,
  receipt: byteString(MAX_RECEIPT_BYTES),
  outputs: list(byteString(MAX_OUTPUT_BYTES), MAX_OUTPUTS + 1),
});
const executeReply = struct({
  height: heightCodec,
  /** Encoded result statement and this enclave's signature over it. */
  statement: byteString(1024),
  signature: signatureCodec,
  calls: list(executedCallCodec, MAX_BLOCK_TRANSACTIONS),
  sealedWriteSet: byteString(MAX_WRITE_SET_BYTES),
  stateRoot: stateRootCodec,
  receiptsRoot: hashCodec,
});

const queryRequest = struct({ sealedQuery: byteString(MAX_ENVELOPE_BYTES) });
const queryReply = struct({ height: heightCodec, sealedAnswer: byteString(MAX_OUTPUT_BYTES) });

/** An enclave's signed word of how far it has executed. */
export const heightClaimCodec = struct({ enclaveKey: publicKeyCodec, height: heightCodec, signature: signatureCodec });

/** Restores executed history, or proves its freshness afterwards. */
const restoreRequest = union({
  /** Consecutive executed heights: headers, sealed write sets, and the result certificate of the last one. */
  blocks: [
    1,
    struct({
      blocks: list(
        struct({ header: headerCodec, sealedWriteSet: byteString(MAX_WRITE_SET_BYTES) }),
        MAX_RESTORED_BLOCKS,
      ),
      certificate: resultCertificateCodec,
    }),
  ],
  /** Asks for a new challenge that other enclaves shall answer. */
  challenge: [2, struct({})],
  /** Asks this enclave to answer another enclave's challenge with its signed height. */
  answer: [3, struct({ challenge: bytes(32) })],
  /** Hands in the answers of other enclaves. */
  answers: [
    4,
    struct({
      answers: list(heightClaimCodec, MAX_VALIDATORS),
    }),
  ],
});
const restoreReply = struct({
  height: heightCodec,
  stateRoot: stateRootCodec,
  /** Whether queries are answered. */
  fresh: bool,
  challenge: optional(bytes(32)),
  answer: optional(heightClaimCodec),
});

const statusRequest = struct({});
const statusReply = struct({
  state: text(16),
  platform: text(16),
  measurement: measurementCodec,
  chainId: optional(chainIdCodec),
  epoch: epochCodec,
  height: heightCodec,
  blockHash: optional(blockHashCodec),
  stateRoot: stateRootCodec,
  fresh: bool,
  stateEntries: u64,
  stateBytes: u64,
  maxStateBytes: u64,
  sessions: u32,
  cachedCalls: u32,
  heapBytes: u64,
});

/** The whole boundary: kind -> tag, request and reply. At most eight kinds. */
export const boundary = {
  hello: { tag: 1, request: helloRequest, reply: helloReply },
  provision: { tag: 2, request: provisionRequest, reply: provisionReply },
  admit: { tag: 3, request: admitRequest, reply: admitReply },
  execute: { tag: 4, request: executeRequest, reply: executeReply },
  query: { tag: 5, request: queryRequest, reply: queryReply },
  restore: { tag: 6, request: restoreRequest, reply: restoreReply },
  status: { tag: 7, request: statusRequest, reply: statusReply },
} as const;

/** Name of a request kind. */
export type RequestKind = keyof typeof boundary;
/** Request of a kind. */
export type RequestOf<K extends RequestKind> = Infer<(typeof boundary)[K]['request']>;
/** Reply to a kind. */
export type ReplyOf<K extends RequestKind> = Infer<(typeof boundary)[K]['reply']>;

/** One executed call of a block. */
export type ExecutedCall = Infer<typeof executedCallCodec>;

/** What a failed request is answered with: a code of `boundary/errors.ts` and nothing else. */
const errorReply = struct({ code: text(MAX_TEXT_BYTES) });

const PREFIX_BYTES = 5;
const OK = 0;
const FAILED = 1;

function prefixed(id: number, tag: number, message: Uint8Array): Uint8Array {
  const body = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(body.buffer).setUint32(0, id);
  body[PREFIX_BYTES - 1] = tag;
  body.set(message, PREFIX_BYTES);
  return body;
}

/** Id and tag of a frame body; undefined when it is too short to have them. */
function prefixOf(body: Uint8Array): { id: number; tag: number } | undefined {
  if (body.length < PREFIX_BYTES) return undefined;
  return { id: new DataView(body.buffer, body.byteOffset).getUint32(0), tag: body[PREFIX_BYTES - 1] ?? 0 };
}

/** Frame body of a request. */
export function encodeRequest<K extends RequestKind>(id: number, kind: K, request: RequestOf<K>): Uint8Array {
  const { tag, request: codec } = boundary[kind];
  return prefixed(id, tag, encode<unknown>(codec, request));
}

/** A request as the enclave sees it, or the id to refuse. */
export type DecodedRequest =
  | {
      readonly [K in RequestKind]: { readonly kind: K; readonly id: number; readonly request: RequestOf<K> };
    }[RequestKind]
  | { readonly kind: 'malformed'; readonly id: number };

const kindByTag = new Map<number, RequestKind>(
  (Object.keys(boundary) as RequestKind[]).map((kind) => [boundary[kind].tag, kind]),
);

/** Reads a request; every foreign byte string gives a value. */
export function decodeRequest(body: Uint8Array): DecodedRequest {
  const prefix = prefixOf(body);
  if (prefix === undefined) return { kind: 'malformed', id: 0 };
  const kind = kindByTag.get(prefix.tag);
  if (kind === undefined) return { kind: 'malformed', id: prefix.id };
  try {
    const request: unknown = decode<unknown>(boundary[kind].request, body.subarray(PREFIX_BYTES), MAX_FRAME_BYTES);
    return { kind, id: prefix.id, request } as DecodedRequest;
  } catch {
    return { kind: 'malformed', id: prefix.id };
  }
}

/** Frame body of a reply. */
export function encodeReply<K extends RequestKind>(id: number, kind: K, reply: ReplyOf<K>): Uint8Array {
  return prefixed(id, OK, encode<unknown>(boundary[kind].reply, reply));
}

/** Frame body of a refusal. */
export function encodeRefusal(id: number, code: EnclaveErrorCode): Uint8Array {
  return prefixed(id, FAILED, encode(errorReply, { code }));
}

/** The id of a reply, to find the request it answers. */
export function replyId(body: Uint8Array): number | undefined {
  return prefixOf(body)?.id;
}

/** Reads a reply to a request of `kind`. Throws the enclave's refusal, or CHANNEL_BROKEN. */
export function decodeReply<K extends RequestKind>(kind: K, body: Uint8Array): ReplyOf<K> {
  const message = body.subarray(PREFIX_BYTES);
  if (prefixOf(body)?.tag === FAILED) throw enclaveErrors.error(refusalCode(message));
  try {
    return decode<unknown>(boundary[kind].reply, message, MAX_FRAME_BYTES) as ReplyOf<K>;
  } catch (cause) {
    throw enclaveErrors.error('CHANNEL_BROKEN', { kind }, cause);
  }
}

function refusalCode(message: Uint8Array): EnclaveErrorCode {
  try {
    const { code } = decode(errorReply, message, MAX_FRAME_BYTES);
    return code in enclaveErrors.table ? (code as EnclaveErrorCode) : 'CHANNEL_BROKEN';
  } catch {
    return 'CHANNEL_BROKEN';
  }
}
