/**
 * Records of the write-ahead log (consensus design §2.8): what a validator must not forget across a crash.
 *
 * Order in the log is the order in which the core produced them: a block precedes the vote for it, a notarization
 * precedes the FINALIZE vote that relies on it (D2). Votes are recorded as intents, before they are signed; Ed25519 is
 * deterministic, so signing an intent again yields the same bytes.
 */
import { type Codec, type Infer, list, optional, struct, union } from '../codec.ts';
import { blockHashCodec, epochCodec, heightCodec, viewCodec } from '../scalars.ts';
import { type BlockBody, blockBodyCodec } from './body.ts';
import { type Certificate, certificateCodec } from './certificate.ts';
import { type Evidence, evidenceCodec, placeOf } from './evidence.ts';
import { MAX_FOLLOWING_HEADERS } from './finality-proof.ts';
import { type Header, headerCodec } from './header.ts';
import { type Justification, justificationCodec } from './justification.ts';
import { type SystemSection, systemSectionCodec } from './system.ts';
import { type VoteStatement, voteStatementCodec } from './vote.ts';

const voteRecordCodec: Codec<{ readonly vote: VoteStatement }> = struct({ vote: voteStatementCodec });
const certificateRecordCodec: Codec<{ readonly certificate: Certificate }> = struct({ certificate: certificateCodec });
const blockRecordCodec: Codec<{
  readonly header: Header;
  readonly justification: Justification;
  readonly system: SystemSection;
  /** Filled in by the driver, which holds bodies; always present before a NOTARIZE vote for the block. */
  readonly body: BlockBody | undefined;
}> = struct({
  header: headerCodec,
  justification: justificationCodec,
  system: systemSectionCodec,
  body: optional(blockBodyCodec),
});
const evidenceRecordCodec: Codec<{ readonly evidence: Evidence }> = struct({ evidence: evidenceCodec });

/** One record of the write-ahead log. */
export const walRecordCodec = union({
  vote: [1, voteRecordCodec],
  certificate: [2, certificateRecordCodec],
  block: [3, blockRecordCodec],
  evidence: [4, evidenceRecordCodec],
  /** Everything up to this view is final: no vote at or below it is ever cast again. */
  finalized: [5, struct({ epoch: epochCodec, view: viewCodec, height: heightCodec, block: blockHashCodec })],
  /** What makes a closing block final that others closed the epoch with: tails that we never saw as proposals. */
  closing: [
    6,
    struct({
      block: blockHashCodec,
      following: list(headerCodec, MAX_FOLLOWING_HEADERS),
      finalization: certificateCodec,
    }),
  ],
});

/** One record of the write-ahead log. */
export type WalRecord = Infer<typeof walRecordCodec>;

/** View that a record belongs to; records above the ledger's durable view must be kept (D5). */
export const recordView = (record: WalRecord): number => {
  switch (record.kind) {
    case 'vote':
      return record.vote.view;
    case 'certificate':
      return record.certificate.view;
    case 'block':
      return record.header.view;
    case 'evidence':
      return placeOf(record.evidence).view;
    case 'finalized':
      return record.view;
    case 'closing':
      return record.finalization.view;
  }
};

/** Epoch that a record belongs to. */
export const recordEpoch = (record: WalRecord): number => {
  switch (record.kind) {
    case 'vote':
      return record.vote.epoch;
    case 'certificate':
      return record.certificate.epoch;
    case 'block':
      return record.header.epoch;
    case 'evidence':
      return placeOf(record.evidence).epoch;
    case 'finalized':
      return record.epoch;
    case 'closing':
      return record.finalization.epoch;
  }
};
