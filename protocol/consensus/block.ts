/** Blocks and proposals as they travel and rest: header, justification and, apart from both, the body. */
import { byteString, type Codec, list, optional, struct, union } from '../codec.ts';
import type { Infer } from '../codec.ts';
import { MAX_BLOCK_TRANSACTIONS } from '../limits.ts';
import { MAX_RESULT_CERTIFICATE_BYTES } from '../result.ts';
import { signatureCodec, transactionIdCodec } from '../scalars.ts';
import { type BlockBody, blockBodyCodec } from './body.ts';
import { type Header, headerCodec } from './header.ts';
import { type Justification, justificationCodec } from './justification.ts';
import { type SystemSection, systemSectionCodec } from './system.ts';

/** A block without its body. */
export interface Block {
  readonly header: Header;
  readonly justification: Justification;
  /** Plaintext system transactions; empty in almost every block. */
  readonly system: SystemSection;
}

/** A block with its body where the sender holds it. */
export interface BlockWithBody extends Block {
  readonly body: BlockBody | undefined;
}

/** A block, optionally with its body, on the wire. */
export const blockCodec: Codec<BlockWithBody> = struct({
  header: headerCodec,
  justification: justificationCodec,
  system: systemSectionCodec,
  body: optional(blockBodyCodec),
});

/** Largest body sent inside its proposal; larger ones travel as transaction ids, resolved from the mempool. */
export const INLINE_BODY_BYTES = 32 * 1024;

/** A body inside its proposal, or the ids of its transactions. */
export const proposalBodyCodec = union({
  inline: [1, struct({ envelopes: blockBodyCodec })],
  compact: [2, struct({ transactionIds: list(transactionIdCodec, MAX_BLOCK_TRANSACTIONS) })],
});

/** A body inside its proposal, or the ids of its transactions. */
export type ProposalBody = Infer<typeof proposalBodyCodec>;

/** A leader's proposal; `signature` is the leader's NOTARIZE vote for the header. */
export interface Proposal extends Block {
  readonly signature: Uint8Array;
  readonly body: ProposalBody;
  /** Encoded result certificate behind `header.stateCert` when that differs from the parent's. */
  readonly resultCertificate: Uint8Array | undefined;
}

/** A proposal on the wire. */
export const proposalCodec: Codec<Proposal> = struct({
  header: headerCodec,
  justification: justificationCodec,
  system: systemSectionCodec,
  signature: signatureCodec,
  body: proposalBodyCodec,
  resultCertificate: optional(byteString(MAX_RESULT_CERTIFICATE_BYTES)),
});
