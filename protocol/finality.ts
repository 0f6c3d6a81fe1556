/**
 * The light client: headers from a trusted point and one finalization prove a piece of the chain (consensus design
 * §3.7). Used by the enclave before it executes, by wallets and by auditors; needs no storage, clock or network.
 *
 * Total: any input gives a verdict. Nothing is derived from fields that the checked signatures do not bind, and
 * signatures are checked over our own bytes with our own key order.
 */
import { ed25519Verify } from '#primitives';
import type { PublicKey } from './brand.ts';
import { asParent, type HeaderFault, headerFault, type Parent, successionFault } from './consensus/block-rules.ts';
import {
  type Certificate,
  type CertificateFault,
  certificateFault,
  type VerifySignature,
} from './consensus/certificate.ts';
import type { ChainPoint, EpochAnchor } from './consensus/configuration.ts';
import { blockId, type Header } from './consensus/header.ts';
import { ZERO_HASH } from './consensus/vote.ts';
import { fromHex } from './hex.ts';

/** Most headers in one proof: bounds the work that an untrusted prover can cause. */
export const MAX_PROOF_HEADERS = 4096;

/** Why headers and certificate prove nothing. */
export type FinalityFault =
  | 'NO_HEADERS'
  | 'TOO_MANY_HEADERS'
  | HeaderFault
  | 'NOT_A_FINALIZATION'
  | 'OTHER_BLOCK_FINALIZED'
  | `CERTIFICATE_${CertificateFault}`;

/** Outcome of checking a proof of finality; `points` are the proven blocks of the ledger in order, tails left out. */
export type FinalityVerdict =
  | { readonly verdict: 'final'; readonly points: readonly ChainPoint[] }
  | { readonly verdict: 'invalid'; readonly code: FinalityFault };

/** The signature check of production: the one Ed25519 rule of the network. */
export const verifyEd25519: VerifySignature = (signature, message, publicKey: PublicKey) =>
  ed25519Verify(signature, message, fromHex(publicKey));

const invalid = (code: FinalityFault): FinalityVerdict => ({ verdict: 'invalid', code });

/**
 * Checks that `headers` extend `previous` one by one and that `finalization` makes the last of them final, and with it
 * all. `previous` is the anchor's base or a point that an earlier call returned. After a closing block only its tails
 * may follow: they prove it final and are no part of the ledger.
 */
export const verifyFinality = (
  anchor: EpochAnchor,
  previous: ChainPoint,
  headers: readonly Header[],
  finalization: Certificate,
  verifySignature: VerifySignature = verifyEd25519,
): FinalityVerdict => {
  if (headers.length === 0) return invalid('NO_HEADERS');
  if (headers.length > MAX_PROOF_HEADERS) return invalid('TOO_MANY_HEADERS');
  const points: ChainPoint[] = [];
  let parent: Parent = { ...previous, nextConfigHash: ZERO_HASH };
  for (const header of headers) {
    const fault = headerFault(header, anchor) ?? successionFault(header, parent);
    if (fault !== undefined) return invalid(fault);
    parent = asParent(blockId(header), header);
    if (header.kind !== 'tail') points.push(pointOf(parent));
  }
  const fault = finalizationFault(anchor, parent, finalization, verifySignature);
  return fault === undefined ? { verdict: 'final', points } : invalid(fault);
};

/** Why a certificate does not finalise exactly this block of the epoch; undefined when it does. */
export const finalizationFault = (
  anchor: EpochAnchor,
  block: Pick<ChainPoint, 'id' | 'view'>,
  finalization: Certificate,
  verifySignature: VerifySignature = verifyEd25519,
): FinalityFault | undefined => {
  if (finalization.kind !== 'finalize') return 'NOT_A_FINALIZATION';
  if (finalization.hash !== block.id || finalization.view !== block.view) return 'OTHER_BLOCK_FINALIZED';
  const fault = certificateFault(finalization, anchor, verifySignature);
  return fault === undefined ? undefined : `CERTIFICATE_${fault}`;
};

const pointOf = ({ id, height, view, timeMs }: Parent): ChainPoint => ({ id, height, view, timeMs });

/** Whether two proven points contradict each other: a fork, on which a verifier must stop (consensus design §3.8). */
export const conflict = (a: ChainPoint, b: ChainPoint): boolean => a.height === b.height && a.id !== b.id;
