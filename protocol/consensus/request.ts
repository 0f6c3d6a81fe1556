/** Requests and their answers on request streams (consensus design §2.3): repair and catching up are pull. */
import { type Infer, list, optional, refined, struct, u32, union } from '../codec.ts';
import { byteString } from '../codec.ts';
import { MAX_BLOCK_TRANSACTIONS, MAX_ENVELOPE_BYTES } from '../limits.ts';
import { MAX_RESULT_CERTIFICATE_BYTES } from '../result.ts';
import { blockHashCodec, epochCodec, hashCodec, heightCodec, viewCodec } from '../scalars.ts';
import { blockCodec } from './block.ts';
import { blockBodyCodec } from './body.ts';
import { certificateCodec } from './certificate.ts';
import { closingCodec } from './closing.ts';
import { MAX_FOLLOWING_HEADERS } from './finality-proof.ts';
import { headerCodec } from './header.ts';

/** Most blocks that are asked for at once; an answer has more only where one finalization covers more. */
export const MAX_BLOCKS_PER_RESPONSE = 64;
/** Soft bound on the body bytes of one answer of blocks; further bodies are left out and asked for one by one. */
export const MAX_RESPONSE_BODY_BYTES = 4 * 1024 * 1024;

/** Most views whose certificates are asked for at once. */
export const MAX_VIEWS_PER_RESPONSE = 512;
/** Most bytes of certificates in one answer: to check their signatures takes a fraction of a second. */
export const MAX_RESPONSE_CERTIFICATE_BYTES = 128 * 1024;

/** What one node may ask of another. */
export const consensusRequestCodec = union({
  /** Nullifications and notarizations of consecutive views: why a block may skip views beyond those it says itself. */
  getCertificates: [
    1,
    refined(
      struct({ epoch: epochCodec, from: viewCodec, to: viewCodec }),
      ({ from, to }) => to >= from && to - from < MAX_VIEWS_PER_RESPONSE,
    ),
  ],
  getHeader: [2, struct({ block: blockHashCodec })],
  getBody: [3, struct({ block: blockHashCodec })],
  getTransactions: [4, struct({ block: blockHashCodec, indexes: list(u32, MAX_BLOCK_TRANSACTIONS) })],
  /** Finalised blocks from height `from` to at most `to`. */
  getBlocks: [
    5,
    refined(
      struct({ from: heightCodec, to: heightCodec }),
      ({ from, to }) => to >= from && to - from < MAX_BLOCKS_PER_RESPONSE,
    ),
  ],
  getResultCertificate: [6, struct({ certHash: hashCodec })],
  /** What ends an epoch (R12). */
  getClosing: [7, struct({ epoch: epochCodec })],
});

/** What one node may ask of another. */
export type ConsensusRequest = Infer<typeof consensusRequestCodec>;

/** Answers; an absent value means that the asked node does not have it. */
export const consensusResponseCodec = union({
  /** Ascending by view, from the first that was asked for; as many as the asked node holds and an answer may hold. */
  certificates: [1, struct({ certificates: list(certificateCodec, 2 * MAX_VIEWS_PER_RESPONSE) })],
  header: [2, struct({ block: optional(blockCodec) })],
  body: [3, struct({ body: optional(blockBodyCodec) })],
  transactions: [4, struct({ envelopes: list(byteString(MAX_ENVELOPE_BYTES), MAX_BLOCK_TRANSACTIONS) })],
  /** Consecutive finalised blocks of one epoch, and what makes the last one final: tails where it is a closing block. */
  blocks: [
    5,
    struct({
      blocks: list(blockCodec, MAX_FOLLOWING_HEADERS),
      following: list(headerCodec, MAX_FOLLOWING_HEADERS),
      finalization: optional(certificateCodec),
    }),
  ],
  resultCertificate: [6, struct({ certificate: optional(byteString(MAX_RESULT_CERTIFICATE_BYTES)) })],
  closing: [7, struct({ closing: optional(closingCodec) })],
});

/** An answer to a request. */
export type ConsensusResponse = Infer<typeof consensusResponseCodec>;

/** Largest encoded answer. */
export const MAX_CONSENSUS_RESPONSE_BYTES = 16 * 1024 * 1024;
