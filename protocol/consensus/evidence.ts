/**
 * Evidence: what no honest validator signs (consensus design §4). Two contradicting votes of one view, or a vote for a
 * block that breaks a rule which needs no context.
 *
 * Evidence is objective: it holds for anyone who knows the epoch's validator set, without timing. NOTARIZE together with
 * NULLIFY is legal; late, missing and repeated votes are not evidence.
 */
import type { BlockHash, ValidatorIndex, View } from '../brand.ts';
import { type Codec, type Infer, mapped, optional, struct, u8, union } from '../codec.ts';
import { protocolErrors } from '../errors.ts';
import { baseAsParent, asParent, headerFault, justificationHolds, successionFault } from './block-rules.ts';
import { certificateFault, type VerifySignature } from './certificate.ts';
import type { EpochAnchor } from './configuration.ts';
import { blockId, type Header, headerCodec } from './header.ts';
import { type Justification, justificationCodec } from './justification.ts';
import { hashFitsKind, type Vote, voteBytes, voteCodec } from './vote.ts';

/**
 * E1 two notarised blocks, E2 two finalised blocks, E3 nullified and finalised, E4 notarised a, finalised b, E5 notarised
 * a block that breaks V1–V4, V6, V8, V10 or V11.
 */
export type EvidenceRule = 'E1' | 'E2' | 'E3' | 'E4' | 'E5';

/** The rules that two votes can break together. */
export type VoteRule = Exclude<EvidenceRule, 'E5'>;

const RULES: readonly VoteRule[] = ['E1', 'E2', 'E3', 'E4'];

const ruleCodec: Codec<VoteRule> = mapped(
  u8,
  (value) => {
    const rule = RULES[value - 1];
    if (rule === undefined) throw protocolErrors.error('MALFORMED_MESSAGE', { path: 'evidence.rule' });
    return rule;
  },
  (rule) => RULES.indexOf(rule) + 1,
);

/** Evidence on the wire, in system sections and in the write-ahead log. */
export const evidenceCodec = union({
  /** Two contradicting votes of one signer and view. */
  votes: [1, struct({ rule: ruleCodec, first: voteCodec, second: voteCodec })],
  /** A NOTARIZE vote and the block that it is for; the parent's header where the broken rule needs it. */
  block: [
    2,
    struct({ vote: voteCodec, header: headerCodec, justification: justificationCodec, parent: optional(headerCodec) }),
  ],
});

/** What no honest validator signs. */
export type Evidence = Infer<typeof evidenceCodec>;

/** The rule that evidence shows broken. */
export const ruleOf = (evidence: Evidence): EvidenceRule => (evidence.kind === 'votes' ? evidence.rule : 'E5');

const voteOf = (evidence: Evidence): Vote => (evidence.kind === 'votes' ? evidence.first : evidence.vote);

/** The validator that evidence accuses. */
export const accusedBy = (evidence: Evidence): ValidatorIndex => voteOf(evidence).signer;

/** The epoch and view that evidence is about. */
export const placeOf = (evidence: Evidence): { readonly epoch: number; readonly view: View } => {
  const { epoch, view } = voteOf(evidence);
  return { epoch, view };
};

/** The rule that two votes break together; undefined when an honest validator may have cast both. */
export const brokenRule = (first: Vote, second: Vote): VoteRule | undefined => {
  if (first.signer !== second.signer || first.epoch !== second.epoch || first.view !== second.view) return undefined;
  const kinds = new Set([first.kind, second.kind]);
  if (kinds.has('nullify')) return kinds.has('finalize') ? 'E3' : undefined;
  if (first.hash === second.hash) return undefined;
  if (kinds.size === 2) return 'E4';
  return first.kind === 'notarize' ? 'E1' : 'E2';
};

/** Whether a block breaks a rule that its header, its justification and, where given, its parent's header decide. */
export const breaksObjectiveRule = (
  anchor: EpochAnchor,
  block: { readonly header: Header; readonly justification: Justification },
  parent: Header | undefined,
  verifySignature: VerifySignature,
): boolean => {
  const { header, justification } = block;
  if (headerFault(header, anchor) !== undefined || !justificationHolds(header, justification, anchor)) return true;
  const certificates = [justification.parent, ...justification.nullifications];
  const forged = certificates.some(
    (certificate) => certificate !== undefined && certificateFault(certificate, anchor, verifySignature) !== undefined,
  );
  if (forged) return true;
  if (header.parentHash === anchor.base.id) return successionFault(header, baseAsParent(anchor)) !== undefined;
  if (parent === undefined) return false;
  const parentId: BlockHash = blockId(parent);
  return parentId === header.parentHash && successionFault(header, asParent(parentId, parent)) !== undefined;
};

/** Whether evidence proves its signer guilty: the rule is broken and every signature is genuine. */
export const evidenceHolds = (evidence: Evidence, anchor: EpochAnchor, verifySignature: VerifySignature): boolean => {
  const accused = voteOf(evidence);
  const key = anchor.validatorKeys[accused.signer];
  if (key === undefined || accused.epoch !== anchor.epoch) return false;
  const genuine = (vote: Vote): boolean =>
    hashFitsKind(vote) && verifySignature(vote.signature, voteBytes(anchor.chainId, vote), key);
  if (evidence.kind === 'votes') {
    const { rule, first, second } = evidence;
    return brokenRule(first, second) === rule && genuine(first) && genuine(second);
  }
  const { vote, header, parent } = evidence;
  const named = vote.kind === 'notarize' && vote.hash === blockId(header) && vote.view === header.view;
  return named && genuine(vote) && breaksObjectiveRule(anchor, evidence, parent, verifySignature);
};
