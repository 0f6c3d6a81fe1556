/**
 * Epoch proofs: from the configuration of one epoch to that of the next, and so, from the genesis, to the present
 * (consensus design §3.6, §3.7). No step can be skipped: each is checked with the keys that the one before proved.
 *
 * A proof is the closing block's header and system section, and what makes it final. The next configuration is computed,
 * not carried, so a proof of a removal is a few hundred bytes. Old consensus keys alone forge nothing: the members'
 * signatures in the section are checked as well.
 */
import { type Infer, list, struct } from '../codec.ts';
import { finalizationFault, type FinalityFault, verifyEd25519 } from '../finality.ts';
import { asParent, type HeaderFault, headerFault, successionFault } from './block-rules.ts';
import { certificateCodec, type VerifySignature } from './certificate.ts';
import { anchorOf, configurationHash, type EpochAnchor } from './configuration.ts';
import { MAX_FOLLOWING_HEADERS } from './finality-proof.ts';
import { blockId, headerCodec, isClosing } from './header.ts';
import { evaluateSystem, type Governance, type SystemFault } from './reconfigure.ts';
import { systemRoot, systemSectionCodec } from './system.ts';

/** A proof of one change of epoch. */
export const epochProofCodec = struct({
  /** Header of the closing block. */
  header: headerCodec,
  system: systemSectionCodec,
  /** Tails up to the one that the finalization names; empty when it is the closing block's own. */
  following: list(headerCodec, MAX_FOLLOWING_HEADERS),
  finalization: certificateCodec,
});

/** A proof of one change of epoch. */
export type EpochProof = Infer<typeof epochProofCodec>;

/** Largest encoded proof. */
export const MAX_EPOCH_PROOF_BYTES = 2 * 1024 * 1024;

/** Why a proof does not lead to a next epoch. */
export type EpochProofFault = FinalityFault | HeaderFault | SystemFault | 'NOT_CLOSING' | 'OTHER_SYSTEM_SECTION';

/** Outcome of checking one proof. */
export type EpochProofVerdict =
  | { readonly verdict: 'valid'; readonly anchor: EpochAnchor }
  | { readonly verdict: 'invalid'; readonly code: EpochProofFault };

const invalid = (code: EpochProofFault): EpochProofVerdict => ({ verdict: 'invalid', code });

/** The next epoch's anchor, from the closing block of this one. The caller has established that the block is final. */
export const nextAnchor = (
  anchor: EpochAnchor,
  governance: Governance,
  { header, system }: Pick<EpochProof, 'header' | 'system'>,
  verifySignature: VerifySignature = verifyEd25519,
): EpochProofVerdict => {
  if (!isClosing(header)) return invalid('NOT_CLOSING');
  if (systemRoot(system) !== header.sysRoot) return invalid('OTHER_SYSTEM_SECTION');
  const outcome = evaluateSystem(anchor, governance, system, header, verifySignature);
  if (outcome.verdict === 'invalid') return invalid(outcome.fault);
  const { next } = outcome;
  if (next === undefined || configurationHash(anchor.chainId, next) !== header.nextConfigHash)
    return invalid('WRONG_CONFIGURATION');
  return { verdict: 'valid', anchor: anchorOf(anchor.chainId, next, { ...header, id: blockId(header) }) };
};

/** Checks a proof against the anchor of the epoch that it ends. Total on foreign input. */
export const verifyEpochProof = (
  anchor: EpochAnchor,
  governance: Governance,
  proof: EpochProof,
  verifySignature: VerifySignature = verifyEd25519,
): EpochProofVerdict => {
  const { header, following, finalization } = proof;
  const fault = headerFault(header, anchor);
  if (fault !== undefined) return invalid(fault);
  if (header.height <= anchor.base.height || header.timeMs <= anchor.base.timeMs) return invalid('WRONG_HEIGHT');
  let last = asParent(blockId(header), header);
  for (const tail of following) {
    const broken = headerFault(tail, anchor) ?? successionFault(tail, last);
    if (broken !== undefined) return invalid(broken);
    last = asParent(blockId(tail), tail);
  }
  const unproven = finalizationFault(anchor, last, finalization, verifySignature);
  return unproven === undefined ? nextAnchor(anchor, governance, proof, verifySignature) : invalid(unproven);
};

/** Outcome of walking several proofs. */
export type EpochWalk =
  | { readonly verdict: 'valid'; readonly anchors: readonly EpochAnchor[] }
  | { readonly verdict: 'invalid'; readonly epoch: number; readonly code: EpochProofFault };

/** Walks consecutive proofs from a trusted anchor; `anchors` are all epochs, the given one first. */
export const walkEpochs = (
  first: EpochAnchor,
  governance: Governance,
  proofs: readonly EpochProof[],
  verifySignature: VerifySignature = verifyEd25519,
): EpochWalk => {
  const anchors = [first];
  let anchor = first;
  for (const proof of proofs) {
    const step = verifyEpochProof(anchor, governance, proof, verifySignature);
    if (step.verdict === 'invalid') return { verdict: 'invalid', epoch: anchor.epoch, code: step.code };
    anchor = step.anchor;
    anchors.push(anchor);
  }
  return { verdict: 'valid', anchors };
};
