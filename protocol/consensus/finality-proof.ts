/** What proves a single block final: the headers after it, if any, and the finalization of the last one. */
import { type Infer, list, struct } from '../codec.ts';
import { certificateCodec } from './certificate.ts';
import { headerCodec } from './header.ts';

/** Most headers after the proven block: a finalization covers at most the blocks that one outage left open. */
export const MAX_FOLLOWING_HEADERS = 1024;
/** Largest encoded proof. */
export const MAX_FINALITY_PROOF_BYTES = 1024 * 1024;

/** A proof of finality as it travels to the enclave and rests in the ledger; `verifyFinality` takes its parts. */
export const finalityProofCodec = struct({
  /** Headers that extend the proven block one by one; empty when the finalization is its own. */
  following: list(headerCodec, MAX_FOLLOWING_HEADERS),
  finalization: certificateCodec,
});

/** A proof of finality of one block. */
export type FinalityProof = Infer<typeof finalityProofCodec>;
