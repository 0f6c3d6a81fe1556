/** The messages of the consensus streams: one union, one decoder. */
import { type Infer, struct, union } from '../codec.ts';
import { proposalCodec } from './block.ts';
import { certificateCodec } from './certificate.ts';
import { closingCodec } from './closing.ts';
import { evidenceCodec } from './evidence.ts';
import { presenceCodec } from './presence.ts';
import { statusCodec } from './status.ts';
import { voteCodec } from './vote.ts';

/** What validators push to one another. */
export const consensusMessageCodec = union({
  vote: [1, struct({ vote: voteCodec })],
  proposal: [2, struct({ proposal: proposalCodec })],
  certificate: [3, struct({ certificate: certificateCodec })],
  status: [4, struct({ status: statusCodec })],
  evidence: [5, struct({ evidence: evidenceCodec })],
  closing: [6, struct({ closing: closingCodec })],
  presence: [32, struct({ presence: presenceCodec })],
});

/** What validators push to one another. */
export type ConsensusMessage = Infer<typeof consensusMessageCodec>;
