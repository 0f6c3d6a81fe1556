/**
 * Evidence: two votes of one validator that no honest validator signs both (consensus design §4).
 *
 * Evidence is objective: it holds for anyone who knows the validator set, without context or timing. NOTARIZE together
 * with NULLIFY is legal; late, missing and repeated votes are not evidence.
 */
import { type Codec, struct, u8, mapped } from '../codec.ts';
import { protocolErrors } from '../errors.ts';
import type { SignerSet, VerifySignature } from './certificate.ts';
import { hashFitsKind, type Vote, voteBytes, voteCodec } from './vote.ts';

/** E1 two notarised blocks, E2 two finalised blocks, E3 nullified and finalised, E4 notarised a, finalised b. */
export type EvidenceRule = 'E1' | 'E2' | 'E3' | 'E4';

/** Two contradicting votes of one signer and view. */
export interface Evidence {
  readonly rule: EvidenceRule;
  readonly first: Vote;
  readonly second: Vote;
}

const RULES: readonly EvidenceRule[] = ['E1', 'E2', 'E3', 'E4'];

const ruleCodec: Codec<EvidenceRule> = mapped(
  u8,
  (value) => {
    const rule = RULES[value - 1];
    if (rule === undefined) throw protocolErrors.error('MALFORMED_MESSAGE', { path: 'evidence.rule' });
    return rule;
  },
  (rule) => RULES.indexOf(rule) + 1,
);

/** Evidence on the wire and in the write-ahead log. */
export const evidenceCodec: Codec<Evidence> = struct({ rule: ruleCodec, first: voteCodec, second: voteCodec });

/** The rule that two votes break together; undefined when an honest validator may have cast both. */
export const brokenRule = (first: Vote, second: Vote): EvidenceRule | undefined => {
  if (first.signer !== second.signer || first.epoch !== second.epoch || first.view !== second.view) return undefined;
  const kinds = new Set([first.kind, second.kind]);
  if (kinds.has('nullify')) return kinds.has('finalize') ? 'E3' : undefined;
  if (first.hash === second.hash) return undefined;
  if (kinds.size === 2) return 'E4';
  return first.kind === 'notarize' ? 'E1' : 'E2';
};

/** Whether evidence proves its signer guilty: the rule is broken and both signatures are genuine. */
export const evidenceHolds = (evidence: Evidence, set: SignerSet, verifySignature: VerifySignature): boolean => {
  const { first, second } = evidence;
  const key = set.validatorKeys[first.signer];
  if (key === undefined || first.epoch !== set.epoch || brokenRule(first, second) !== evidence.rule) return false;
  return [first, second].every(
    (vote) => hashFitsKind(vote) && verifySignature(vote.signature, voteBytes(set.chainId, vote), key),
  );
};
