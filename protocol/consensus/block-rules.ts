/**
 * Block validity V1–V4, V6, V8, V10 and V11 as pure rules over headers (consensus design §2.10): the same for voters, light
 * clients and whoever judges evidence. What needs a clock, a body or a result certificate stands in `consensus/`.
 */
import type { BlockHash, ValidatorIndex } from '../brand.ts';
import { MAX_BODY_BYTES } from '../limits.ts';
import { EMPTY_TRANSACTION_ROOT } from './body.ts';
import type { ChainPoint, EpochAnchor } from './configuration.ts';
import { HEADER_VERSION, type Header } from './header.ts';
import { type Justification, justificationRoot, MAX_NULLIFICATIONS } from './justification.ts';
import { leaderOrder } from './leader.ts';
import { ZERO_HASH } from './vote.ts';

/** Which rule a header breaks. */
export type HeaderFault =
  | 'WRONG_VERSION'
  | 'WRONG_CHAIN'
  | 'WRONG_EPOCH'
  | 'WRONG_CONFIGURATION'
  | 'WRONG_PROPOSER'
  | 'WRONG_VIEW'
  | 'WRONG_KIND'
  | 'TOO_LARGE'
  | 'TOO_FAR_AHEAD'
  | 'WRONG_JUSTIFICATION'
  | 'WRONG_PARENT'
  | 'WRONG_HEIGHT'
  | 'WRONG_TIME'
  | 'NOT_A_TAIL';

/** What of a parent its child must fit. */
export interface Parent extends ChainPoint {
  /** Zero, or the hash that a closing block and every tail after it name. */
  readonly nextConfigHash: string;
}

/** Leader of a view of an epoch (consensus design §2.9). */
export const leaderAt = (anchor: EpochAnchor, view: number): ValidatorIndex => {
  const order = leaderOrder(anchor);
  return order[view % order.length] as ValidatorIndex;
};

/** V11 and the shape of the four kinds of content: nothing, transactions, a system section, a tail's repetition. */
const kindHolds = (header: Header): boolean => {
  const { kind, txCount, bodyBytes, txRoot, sysRoot, nextConfigHash } = header;
  if (txCount === 0 && (bodyBytes !== 0 || txRoot !== EMPTY_TRANSACTION_ROOT)) return false;
  const hasSystem = sysRoot !== ZERO_HASH;
  if (kind === 'normal') return (txCount > 0 || hasSystem) && (hasSystem || nextConfigHash === ZERO_HASH);
  if (txCount > 0 || hasSystem) return false;
  return (kind === 'tail') === (nextConfigHash !== ZERO_HASH);
};

/** V1, V6, V10 and V11: what a header must be in its epoch, whatever its parent. */
export const headerFault = (header: Header, anchor: EpochAnchor): HeaderFault | undefined => {
  const { maxBlockTransactions, maxBodyBytes, maxStateLagBlocks } = anchor.configuration.parameters;
  if (header.version !== HEADER_VERSION) return 'WRONG_VERSION';
  if (header.chainId !== anchor.chainId) return 'WRONG_CHAIN';
  if (header.epoch !== anchor.epoch) return 'WRONG_EPOCH';
  if (header.configHash !== anchor.configHash) return 'WRONG_CONFIGURATION';
  if (header.proposer !== leaderAt(anchor, header.view)) return 'WRONG_PROPOSER';
  if (header.view <= header.parentView) return 'WRONG_VIEW';
  if (!kindHolds(header)) return 'WRONG_KIND';
  if (header.txCount > maxBlockTransactions || header.bodyBytes > Math.min(maxBodyBytes, MAX_BODY_BYTES))
    return 'TOO_LARGE';
  const ahead = header.height - (header.stateCert?.height ?? 0) > maxStateLagBlocks;
  return ahead && header.txCount > 0 ? 'TOO_FAR_AHEAD' : undefined;
};

/** V2, V5 (order of times) and V8: how a header follows its parent. */
export const successionFault = (header: Header, parent: Parent): HeaderFault | undefined => {
  if (header.parentHash !== parent.id) return 'WRONG_PARENT';
  if (header.parentView !== parent.view) return 'WRONG_VIEW';
  const closed = parent.nextConfigHash !== ZERO_HASH;
  if (closed ? header.kind !== 'tail' || header.nextConfigHash !== parent.nextConfigHash : header.kind === 'tail')
    return 'NOT_A_TAIL';
  if (header.height !== parent.height + (closed ? 0 : 1)) return 'WRONG_HEIGHT';
  return header.timeMs < leastTimeMs(parent) ? 'WRONG_TIME' : undefined;
};

/** The least time that a block on this parent can have, ms since the Unix epoch (V5). */
export const leastTimeMs = ({ timeMs }: Pick<Parent, 'timeMs'>): number => timeMs + 1;

/**
 * V3 and V4: the justification hashes to the header's field, certifies the named parent, and nullifies every view in
 * between, ascending, or the last of them where they are many. The certificates' signatures are the caller's business,
 * and so are the nullifications that do not travel with the block (`unattachedViews`).
 */
export const justificationHolds = (header: Header, justification: Justification, anchor: EpochAnchor): boolean => {
  const { parent, nullifications } = justification;
  if (justificationRoot(justification) !== header.justRoot) return false;
  if (header.parentView === anchor.base.view) {
    if (parent !== undefined || header.parentHash !== anchor.base.id) return false;
  } else {
    if (parent === undefined || parent.kind === 'nullify') return false;
    if (parent.view !== header.parentView || parent.hash !== header.parentHash) return false;
  }
  const attached = Math.min(header.view - header.parentView - 1, MAX_NULLIFICATIONS);
  if (nullifications.length !== attached) return false;
  return nullifications.every(
    (nullification, i) => nullification.kind === 'nullify' && nullification.view === header.view - attached + i,
  );
};

/** A header as the parent of the next one. */
export const asParent = (id: BlockHash, { height, view, timeMs, nextConfigHash }: Header): Parent => ({
  id,
  height,
  view,
  timeMs,
  nextConfigHash,
});

/** The base of an epoch as a parent: the closing block before it closes nothing any more. */
export const baseAsParent = ({ base }: Pick<EpochAnchor, 'base'>): Parent => ({ ...base, nextConfigHash: ZERO_HASH });
