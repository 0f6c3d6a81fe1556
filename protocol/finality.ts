/**
 * The light client: headers from a trusted point and one finalization prove a piece of the chain (consensus design
 * §3.7). Used by the enclave before it executes, by wallets and by auditors; needs no storage, clock or network.
 *
 * Total: any input gives a verdict. Nothing is derived from fields that the checked signatures do not bind, and
 * signatures are checked over our own bytes with our own key order.
 */
import { ed25519Verify } from '#primitives';
import type { PublicKey } from './brand.ts';
import { EMPTY_TRANSACTION_ROOT } from './consensus/body.ts';
import {
  type Certificate,
  type CertificateFault,
  certificateFault,
  type VerifySignature,
} from './consensus/certificate.ts';
import type { ChainPoint, EpochAnchor } from './consensus/configuration.ts';
import { blockId, HEADER_VERSION, type Header } from './consensus/header.ts';
import { ZERO_HASH } from './consensus/vote.ts';
import { fromHex } from './hex.ts';

/** Most headers in one proof: bounds the work that an untrusted prover can cause. */
export const MAX_PROOF_HEADERS = 4096;

/** Why headers and certificate prove nothing. */
export type FinalityFault =
  | 'NO_HEADERS'
  | 'TOO_MANY_HEADERS'
  | 'WRONG_VERSION'
  | 'WRONG_CHAIN'
  | 'WRONG_EPOCH'
  | 'WRONG_CONFIGURATION'
  | 'WRONG_PARENT'
  | 'WRONG_HEIGHT'
  | 'WRONG_VIEW'
  | 'WRONG_TIME'
  | 'WRONG_KIND'
  | 'NOT_A_FINALIZATION'
  | 'OTHER_BLOCK_FINALIZED'
  | `CERTIFICATE_${CertificateFault}`;

/** Outcome of checking a proof of finality; `points` are the proven blocks in order. */
export type FinalityVerdict =
  | { readonly verdict: 'final'; readonly points: readonly ChainPoint[] }
  | { readonly verdict: 'invalid'; readonly code: FinalityFault };

/** The signature check of production: the one Ed25519 rule of the network. */
export const verifyEd25519: VerifySignature = (signature, message, publicKey: PublicKey) =>
  ed25519Verify(signature, message, fromHex(publicKey));

/** Rules that a header must keep relative to its finalised predecessor, without its body (§2.10 V1, V2, V5, V8, V11). */
export const headerFault = (header: Header, parent: ChainPoint, anchor: EpochAnchor): FinalityFault | undefined => {
  if (header.version !== HEADER_VERSION) return 'WRONG_VERSION';
  if (header.chainId !== anchor.chainId) return 'WRONG_CHAIN';
  if (header.epoch !== anchor.epoch) return 'WRONG_EPOCH';
  if (header.configHash !== anchor.configHash || header.nextConfigHash !== ZERO_HASH) return 'WRONG_CONFIGURATION';
  if (header.parentHash !== parent.id) return 'WRONG_PARENT';
  if (header.height !== parent.height + 1) return 'WRONG_HEIGHT';
  if (header.parentView !== parent.view || header.view <= parent.view) return 'WRONG_VIEW';
  if (header.timeMs <= parent.timeMs) return 'WRONG_TIME';
  return kindHolds(header) ? undefined : 'WRONG_KIND';
};

/** V8 and V11: an empty block carries nothing, a normal one something, and no tail stands in a fixed epoch. */
export const kindHolds = (header: Header): boolean => {
  if (header.kind === 'tail') return false;
  if (header.kind === 'normal') return header.txCount > 0;
  return header.txCount === 0 && header.bodyBytes === 0 && header.txRoot === EMPTY_TRANSACTION_ROOT;
};

const invalid = (code: FinalityFault): FinalityVerdict => ({ verdict: 'invalid', code });

/**
 * Checks that `headers` extend `previous` one by one and that `finalization` makes the last of them final, and with it
 * all. `previous` is the anchor's base or a point that an earlier call returned.
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
  let parent = previous;
  for (const header of headers) {
    const fault = headerFault(header, parent, anchor);
    if (fault !== undefined) return invalid(fault);
    parent = { id: blockId(header), height: header.height, view: header.view, timeMs: header.timeMs };
    points.push(parent);
  }
  if (finalization.kind !== 'finalize') return invalid('NOT_A_FINALIZATION');
  if (finalization.hash !== parent.id || finalization.view !== parent.view) return invalid('OTHER_BLOCK_FINALIZED');
  const fault = certificateFault(finalization, anchor, verifySignature);
  return fault === undefined ? { verdict: 'final', points } : invalid(`CERTIFICATE_${fault}`);
};

/** Whether two proven points contradict each other: a fork, on which a verifier must stop (consensus design §3.8). */
export const conflict = (a: ChainPoint, b: ChainPoint): boolean => a.height === b.height && a.id !== b.id;
