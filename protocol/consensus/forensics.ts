/**
 * Forensics (consensus design §4): two finalised chains of one epoch that contradict each other convict at least f + 1
 * validators, from the chains alone, and never an honest one.
 *
 * Let a be final at view v in one chain and the other chain, final at a view of at least v, not hold a. Then the other
 * chain was also finalised at v (E2), or holds another block notarised at v (E4), or steps over v with a nullification
 * (E3), or steps over it without one (E5). In each case two quorums have signed what no honest validator signs together,
 * and two quorums share more than f members. A node takes no block for final that skips more views than its justification
 * nullifies before it holds the other nullifications, and keeps them: such a chain convicts by E3. For E5 it takes a
 * quorum of liars, and the chain must show who notarised the block: the justification of the next one does.
 */
import { signersOf } from '../bitmap.ts';
import type { ValidatorIndex } from '../brand.ts';
import type { Block } from './block.ts';
import type { Certificate, VerifySignature } from './certificate.ts';
import type { EpochAnchor } from './configuration.ts';
import { accusedBy, brokenRule, type Evidence, evidenceHolds } from './evidence.ts';
import { blockId, type Header } from './header.ts';
import type { Vote } from './vote.ts';

const SIGNATURE_BYTES = 64;

/** A piece of a finalised chain: consecutive blocks, tails included, the last of which `finalization` names. */
export interface FinalisedChain {
  readonly blocks: readonly Pick<Block, 'header' | 'justification'>[];
  /** Nullifications of views that the blocks skip and do not carry themselves. */
  readonly unattached: readonly Certificate[];
  readonly finalization: Certificate;
}

/** The single votes that a certificate is made of. */
export const votesOf = (certificate: Certificate, validators: number): Vote[] => {
  const { kind, epoch, view, hash, signatures } = certificate;
  return (signersOf(certificate.bitmap, validators) ?? []).map((signer, position) => ({
    kind,
    epoch,
    view,
    hash,
    signer: signer as ValidatorIndex,
    signature: signatures.slice(position * SIGNATURE_BYTES, (position + 1) * SIGNATURE_BYTES),
  }));
};

/**
 * Evidence against everybody whom two contradicting chains of one epoch convict, one piece each; empty when they do not
 * contradict each other. Every piece holds by itself.
 */
export const culpritsOf = (
  anchor: EpochAnchor,
  first: FinalisedChain,
  second: FinalisedChain,
  verifySignature: VerifySignature,
): Evidence[] => {
  const [earlier, later] = first.finalization.view <= second.finalization.view ? [first, second] : [second, first];
  if (later.blocks.some(({ header }) => blockId(header) === earlier.finalization.hash)) return [];
  const found = accusations(anchor, earlier.finalization, later);
  const convicted = new Map<ValidatorIndex, Evidence>();
  for (const evidence of found)
    if (!convicted.has(accusedBy(evidence)) && evidenceHolds(evidence, anchor, verifySignature))
      convicted.set(accusedBy(evidence), evidence);
  return [...convicted.values()].sort((a, b) => accusedBy(a) - accusedBy(b));
};

/** What the finalization at a view and a chain without its block say together. */
const accusations = (anchor: EpochAnchor, finalization: Certificate, chain: FinalisedChain): Evidence[] => {
  const { view } = finalization;
  const validators = anchor.validatorKeys.length;
  const finalised = votesOf(finalization, validators);
  const contradicting = (certificate: Certificate): Evidence[] => pairs(finalised, votesOf(certificate, validators));
  if (chain.finalization.view === view) return contradicting(chain.finalization);
  const above = chain.blocks.find(({ header }) => header.view > view);
  if (above === undefined) return [];
  const { parent, nullifications } = above.justification;
  const skips = (each: Certificate): boolean => each.view === view;
  const named =
    above.header.parentView === view ? parent : (nullifications.find(skips) ?? chain.unattached.find(skips));
  // What stands there may be missing or forged: then those are guilty who notarised a block with such a justification.
  return [...(named === undefined ? [] : contradicting(named)), ...againstBlock(anchor, chain, above)];
};

/** E5 against everybody who notarised a block, as the chain above it tells. */
const againstBlock = (
  anchor: EpochAnchor,
  { blocks, finalization }: FinalisedChain,
  { header, justification }: FinalisedChain['blocks'][number],
): Evidence[] => {
  const id = blockId(header);
  const child = blocks.find((block) => block.header.parentHash === id);
  const named = child === undefined ? finalization : child.justification.parent;
  const parent: Header | undefined = blocks.find((block) => blockId(block.header) === header.parentHash)?.header;
  if (named === undefined || named.kind !== 'notarize') return [];
  return votesOf(named, anchor.validatorKeys.length).map((vote) => ({
    kind: 'block',
    vote,
    header,
    justification,
    parent,
  }));
};

const pairs = (first: readonly Vote[], second: readonly Vote[]): Evidence[] =>
  first.flatMap((vote) => {
    const other = second.find(({ signer }) => signer === vote.signer);
    const rule = other && brokenRule(vote, other);
    return other === undefined || rule === undefined
      ? []
      : [{ kind: 'votes', rule, first: vote, second: other } as const];
  });
