/**
 * The gate between foreign bytes and the core: every check of signatures and hashes, as pure verdicts. Only these
 * functions make `Verified` values. The signature check is handed in, so that the driver may use other threads.
 *
 * A rejected message is its sender's fault: peers are authenticated, the driver scores and drops them.
 */
import type { MemberIndex, Verified } from '../protocol/brand.ts';
import type { Block, Proposal } from '../protocol/consensus/block.ts';
import { type Certificate, certificateFault, type VerifySignature } from '../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { type Evidence, evidenceHolds } from '../protocol/consensus/evidence.ts';
import { blockId } from '../protocol/consensus/header.ts';
import { justificationRoot } from '../protocol/consensus/justification.ts';
import { systemRoot } from '../protocol/consensus/system.ts';
import { type Presence, presenceBytes } from '../protocol/consensus/presence.ts';
import type { Status } from '../protocol/consensus/status.ts';
import { hashFitsKind, type Vote, voteBytes } from '../protocol/consensus/vote.ts';
import { equalBytes } from '../protocol/hex.ts';
import type { CheckedBlock, CheckedProposal } from './input.ts';
import type { CoreState } from './state.ts';

/** Why a message was refused. */
export type RejectCode =
  | 'WRONG_EPOCH'
  | 'BAD_VOTE'
  | 'BAD_SIGNATURE'
  | 'BAD_CERTIFICATE'
  | 'BAD_JUSTIFICATION'
  | 'BAD_SYSTEM_SECTION'
  | 'BAD_EVIDENCE';

/** Outcome of a check. */
export type Verdict<T> =
  | { readonly verdict: 'accept'; readonly value: Verified<T> }
  | { readonly verdict: 'reject'; readonly code: RejectCode };

const accept = <T>(value: T): Verdict<T> => ({ verdict: 'accept', value: value as Verified<T> });
const reject = (code: RejectCode): { readonly verdict: 'reject'; readonly code: RejectCode } => ({
  verdict: 'reject',
  code,
});

/** What the checks need; `state` lets them skip what the core already holds, byte for byte. */
export interface Verifier {
  readonly set: EpochAnchor;
  readonly verifySignature: VerifySignature;
  readonly state: CoreState | undefined;
}

const holdsVote = (state: CoreState | undefined, vote: Vote): boolean => {
  const view = state?.views.get(vote.view);
  const held = view?.[vote.kind][vote.signer];
  return held !== undefined && held.hash === vote.hash && equalBytes(held.signature, vote.signature);
};

const holdsCertificate = (state: CoreState | undefined, certificate: Certificate): boolean => {
  const view = state?.views.get(certificate.view);
  const { kind } = certificate;
  const held = kind === 'notarize' ? view?.notarization : kind === 'nullify' ? view?.nullification : view?.finalization;
  if (held === undefined || certificate.epoch !== held.epoch || held.hash !== certificate.hash) return false;
  return equalBytes(held.bitmap, certificate.bitmap) && equalBytes(held.signatures, certificate.signatures);
};

/** Checks one vote. */
export const verifyVote = (verifier: Verifier, vote: Vote): Verdict<Vote> => {
  const { set, verifySignature, state } = verifier;
  if (vote.epoch !== set.epoch) return reject('WRONG_EPOCH');
  const key = set.validatorKeys[vote.signer];
  if (key === undefined || !hashFitsKind(vote) || vote.view < 1) return reject('BAD_VOTE');
  if (holdsVote(state, vote)) return accept(vote);
  return verifySignature(vote.signature, voteBytes(set.chainId, vote), key) ? accept(vote) : reject('BAD_SIGNATURE');
};

/** Checks one certificate. */
export const verifyCertificate = (verifier: Verifier, certificate: Certificate): Verdict<Certificate> => {
  if (holdsCertificate(verifier.state, certificate)) return accept(certificate);
  const fault = certificateFault(certificate, verifier.set, verifier.verifySignature);
  if (fault === undefined) return accept(certificate);
  return reject(fault === 'WRONG_EPOCH' ? fault : 'BAD_CERTIFICATE');
};

/** Computes a block's id and checks epoch and parts against the header; its certificates carry no authority here. */
export const verifyBlock = ({ set }: Pick<Verifier, 'set'>, block: Block): Verdict<CheckedBlock> => {
  const { header, justification, system } = block;
  if (header.epoch !== set.epoch) return reject('WRONG_EPOCH');
  if (justificationRoot(justification) !== header.justRoot) return reject('BAD_JUSTIFICATION');
  if (systemRoot(system) !== header.sysRoot) return reject('BAD_SYSTEM_SECTION');
  return accept({ id: blockId(header), header, justification, system });
};

/** Checks a proposal: leader's signature, justification hash, every certificate of the justification. */
export const verifyProposal = (verifier: Verifier, proposal: Proposal): Verdict<CheckedProposal> => {
  const { header, justification, signature } = proposal;
  const block = verifyBlock(verifier, proposal);
  if (block.verdict === 'reject') return block;
  const { id } = block.value;
  const { view, epoch, proposer: signer } = header;
  const vote = verifyVote(verifier, { kind: 'notarize', epoch, view, hash: id, signer, signature });
  if (vote.verdict === 'reject') return vote;
  const { parent, nullifications } = justification;
  const certificates: Verified<Certificate>[] = [];
  let sound = true;
  for (const certificate of parent === undefined ? nullifications : [parent, ...nullifications]) {
    const verdict = verifyCertificate(verifier, certificate);
    if (verdict.verdict === 'accept') certificates.push(verdict.value);
    else sound = false;
  }
  return accept({ ...block.value, vote: vote.value, certificates, sound });
};

/** Checks a status: every vote in it is its sender's and genuine. */
export const verifyStatus = (verifier: Verifier, status: Status, from: MemberIndex): Verdict<Status> => {
  if (status.epoch !== verifier.set.epoch) return reject('WRONG_EPOCH');
  for (const vote of status.votes) {
    if (vote.signer !== from) return reject('BAD_VOTE');
    const verdict = verifyVote(verifier, vote);
    if (verdict.verdict === 'reject') return verdict;
  }
  return accept(status);
};

/** Checks that a presence is of a validator of this epoch and genuine. */
export const verifyPresence = ({ set, verifySignature }: Verifier, presence: Presence): Verdict<Presence> => {
  const { validatorKey, signature } = presence;
  if (!set.validatorKeys.includes(validatorKey)) return reject('WRONG_EPOCH');
  const genuine = verifySignature(signature, presenceBytes(set.chainId, presence), validatorKey);
  return genuine ? accept(presence) : reject('BAD_SIGNATURE');
};

/** Checks evidence. */
export const verifyEvidence = (verifier: Verifier, evidence: Evidence): Verdict<Evidence> =>
  evidenceHolds(evidence, verifier.set, verifier.verifySignature) ? accept(evidence) : reject('BAD_EVIDENCE');
