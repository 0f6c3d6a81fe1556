/** What validators exchange beside agreement: transactions, results, and the enclaves' own messages that nodes relay. */
import { byteString, bytes, type Infer, list, optional, refined, struct, u32, union } from '../protocol/codec.ts';
import { governanceTransactionCodec } from '../protocol/consensus/governance.ts';
import { heightClaimCodec, peerMessageCodec } from '../enclave/boundary/messages.ts';
import { MAX_EPOCH_KEY_BYTES } from '../protocol/epoch-key.ts';
import { MAX_BLOCK_TRANSACTIONS, MAX_ENVELOPE_BYTES } from '../protocol/limits.ts';
import { MAX_RESULT_CERTIFICATE_BYTES } from '../protocol/result.ts';
import { MAX_RECEIPT_BYTES } from '../protocol/receipt.ts';
import { heightCodec, publicKeyCodec } from '../protocol/scalars.ts';
import { resultMessageCodec } from './results.ts';

/** Largest message of the bulk channel. */
export const MAX_BULK_MESSAGE_BYTES = 2 * 1024 * 1024;
/** Most results in one answer. */
export const MAX_RESULTS_PER_RESPONSE = 64;

/** Most executed heights in one answer. */
export const MAX_EXECUTED_PER_RESPONSE = 64;
/** Most bytes of executed heights in one answer. */
export const MAX_EXECUTED_BYTES_PER_RESPONSE = 4 * 1024 * 1024;
/** Request method of everything beside agreement. */
export const PEER_METHOD = 'peer';

/** Pushed on the bulk channel. */
export const bulkMessageCodec = union({
  /** Admitted transactions on their way into a block. */
  envelopes: [1, struct({ envelopes: list(byteString(MAX_ENVELOPE_BYTES), MAX_BLOCK_TRANSACTIONS) })],
  /** The sender's result of an executed block. */
  result: [2, struct({ result: resultMessageCodec })],
  /** A change of the configuration, as far as it is signed. */
  governance: [3, struct({ transaction: governanceTransactionCodec })],
});

/** Pushed on the bulk channel. */
export type BulkMessage = Infer<typeof bulkMessageCodec>;

/** Asked of a peer on request streams, beside agreement's own requests. */
export const peerRequestCodec = union({
  /** Results of executed heights, for whoever missed the push. */
  results: [
    1,
    refined(
      struct({ from: heightCodec, to: heightCodec }),
      ({ from, to }) => to >= from && to - from < MAX_RESULTS_PER_RESPONSE,
    ),
  ],
  /** Enclave to enclave: what the asked enclave has sealed for the enclave of this key. */
  contribution: [2, struct({ enclaveKey: publicKeyCodec })],
  /** The asked enclave's signed statement of the epoch key. */
  epochKey: [3, struct({})],
  /** The asked enclave's signed height, in answer to a restarted enclave's challenge. */
  freshness: [4, struct({ challenge: bytes(32) })],
  /** Executed heights with all that they led to, or from `offset` on the one that is larger than an answer. */
  executed: [
    6,
    refined(
      struct({ from: heightCodec, to: heightCodec, offset: u32 }),
      ({ from, to }) => to >= from && to - from < MAX_EXECUTED_PER_RESPONSE,
    ),
  ],
  /** Public receipts of a height: to name the first transaction on which two replicas differ. */
  receipts: [5, struct({ height: heightCodec })],
});

/** Asked of a peer. */
export type PeerRequest = Infer<typeof peerRequestCodec>;

/** Answers to peer requests; an absent value means that the asked node does not have it yet. */
export const peerResponseCodec = union({
  results: [
    1,
    struct({
      certificates: list(byteString(MAX_RESULT_CERTIFICATE_BYTES), MAX_RESULTS_PER_RESPONSE),
      results: list(resultMessageCodec, MAX_RESULTS_PER_RESPONSE),
    }),
  ],
  contribution: [2, struct({ contribution: optional(peerMessageCodec) })],
  epochKey: [
    3,
    struct({
      statement: optional(
        struct({ enclaveKey: publicKeyCodec, statement: byteString(MAX_EPOCH_KEY_BYTES), signature: bytes(64) }),
      ),
    }),
  ],
  freshness: [4, struct({ answer: optional(heightClaimCodec) })],
  /** Encoded executed heights; `total` is the size of the first, which is a piece when it is shorter. */
  executed: [
    6,
    struct({
      heights: list(byteString(MAX_EXECUTED_BYTES_PER_RESPONSE), MAX_EXECUTED_PER_RESPONSE),
      total: u32,
    }),
  ],
  receipts: [5, struct({ receipts: list(byteString(MAX_RECEIPT_BYTES), MAX_BLOCK_TRANSACTIONS) })],
});

/** Largest encoded answer. */
export const MAX_PEER_RESPONSE_BYTES = 8 * 1024 * 1024;

/** Answer to a peer request. */
export type PeerResponse = Infer<typeof peerResponseCodec>;
