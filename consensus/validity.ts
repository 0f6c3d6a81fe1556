/**
 * Block validity V1–V11 (consensus design §2.10), checked before NOTARIZE.
 *
 * `objective` rules need the header and its justification alone; the others need the parent's header, the clock, the
 * body or a result certificate, and may have to wait. Judging is separate from voting: the leader runs the same rules
 * over its own block before it signs.
 */
import { MAX_BODY_BYTES } from '../protocol/limits.ts';
import { HEADER_VERSION, type Header, type StateReference } from '../protocol/consensus/header.ts';
import { ZERO_HASH } from '../protocol/consensus/vote.ts';
import { kindHolds } from '../protocol/finality.ts';
import type { BlockHash } from '../protocol/brand.ts';
import { CLOCK_AHEAD_MS, CLOCK_BEHIND_MS } from './constants.ts';
import { askHeader } from './requests.ts';
import { type BlockState, type CoreState, leaderOf } from './state.ts';
import { repairMs, retryAt } from './timer.ts';
import type { Turn } from './turn.ts';

/** May be voted for; broken for good; something is missing; or too old by our clock, so never by us. */
export type Judgement = 'valid' | 'invalid' | 'waiting' | 'refused';

/** What of the parent the rules need. */
export interface ParentFacts {
  readonly id: BlockHash;
  readonly height: number;
  readonly view: number;
  readonly timeMs: number;
  readonly stateCert: StateReference | undefined;
}

/** The parent, if its header is known: the finalised block or one above it. */
export const parentFacts = (state: CoreState, id: BlockHash): ParentFacts | undefined => {
  if (id === state.finalized.id) return state.finalized;
  const block = state.blocks.get(id);
  if (block === undefined || block.header.view <= state.finalized.view) return undefined;
  const { height, view, timeMs, stateCert } = block.header;
  return { id, height, view, timeMs, stateCert };
};

/** V1 and V6–V8, V11 as far as they concern the header alone. */
const headerHolds = (state: CoreState, header: Header): boolean => {
  const { anchor, parameters } = state.config;
  if (header.version !== HEADER_VERSION || header.chainId !== anchor.chainId || header.epoch !== anchor.epoch)
    return false;
  if (header.configHash !== anchor.configHash || header.proposer !== leaderOf(state, header.view)) return false;
  if (header.view <= header.parentView) return false;
  if (header.txCount > parameters.maxBlockTransactions) return false;
  if (header.bodyBytes > Math.min(parameters.maxBodyBytes, MAX_BODY_BYTES)) return false;
  if (header.sysRoot !== ZERO_HASH || header.nextConfigHash !== ZERO_HASH) return false;
  return kindHolds(header);
};

/** V3 and V4: certificate of the named parent, and a nullification of every view in between, ascending. */
const justificationHolds = (state: CoreState, block: BlockState): boolean => {
  const { header, justification, sound } = block;
  const { parent, nullifications } = justification;
  const { anchor } = state.config;
  if (!sound) return false;
  if (header.parentView === anchor.base.view) {
    if (parent !== undefined || header.parentHash !== anchor.base.id) return false;
  } else {
    if (parent === undefined || parent.kind === 'nullify') return false;
    if (parent.view !== header.parentView || parent.hash !== header.parentHash) return false;
  }
  if (nullifications.length !== header.view - header.parentView - 1) return false;
  return nullifications.every(
    (nullification, i) => nullification.kind === 'nullify' && nullification.view === header.parentView + 1 + i,
  );
};

const objectiveHolds = (state: CoreState, block: BlockState): boolean => {
  if (block.objective === 'unknown') {
    block.objective = headerHolds(state, block.header) && justificationHolds(state, block) ? 'kept' : 'broken';
  }
  return block.objective === 'kept';
};

/** V2, V5 (order of times), V10. */
const followsParent = (state: CoreState, header: Header, parent: ParentFacts): boolean => {
  if (header.parentView !== parent.view || header.height !== parent.height + 1 || header.timeMs <= parent.timeMs)
    return false;
  const lag = header.height - (header.stateCert?.height ?? 0);
  return lag <= state.config.parameters.maxStateLagBlocks || header.txCount === 0;
};

const sameReference = (a: StateReference | undefined, b: StateReference | undefined): boolean =>
  a?.certHash === b?.certHash && a?.height === b?.height && a?.root === b?.root;

/** V9: the parent's state certificate again, or a newer one that was verified. */
const judgeStateCert = (turn: Turn, header: Header, parent: ParentFacts): Judgement => {
  const { stateCert } = header;
  if (sameReference(stateCert, parent.stateCert)) return 'valid';
  if (stateCert === undefined || stateCert.height <= (parent.stateCert?.height ?? 0)) return 'invalid';
  if (stateCert.height >= header.height) return 'invalid';
  const known = turn.state.stateCerts.get(stateCert.certHash);
  if (known === undefined) {
    needResultCertificate(turn, header, stateCert);
    return 'waiting';
  }
  if (known === 'invalid') return 'invalid';
  return known.height === stateCert.height && known.root === stateCert.root ? 'valid' : 'invalid';
};

const needResultCertificate = (turn: Turn, header: Header, reference: StateReference): void => {
  const key = `s${reference.certHash}`;
  const open = turn.state.requests.get(key);
  if (open !== undefined && turn.now.monotonicMs - open.lastAtMs < repairMs(turn.state)) return;
  turn.state.requests.set(key, { attempts: 0, lastAtMs: turn.now.monotonicMs });
  turn.effects.push({ kind: 'needResultCertificate', certHash: reference.certHash, from: header.proposer });
};

/**
 * V5 against our clock: a block of the future waits, one of the distant past gets no vote from us. Our own block is
 * judged by the others' clocks: where ours is behind its parent's time, only they can tell.
 */
const judgeTime = (turn: Turn, header: Header): Judgement => {
  if (header.proposer === turn.state.config.self) return 'valid';
  const aheadMs = header.timeMs - turn.now.wallMs;
  if (aheadMs > CLOCK_AHEAD_MS) {
    retryAt(turn.state, turn.now.monotonicMs + Math.min(aheadMs - CLOCK_AHEAD_MS, 60_000));
    return 'waiting';
  }
  return aheadMs < -CLOCK_BEHIND_MS ? 'refused' : 'valid';
};

/** Judges a block completely; asks for what is missing. */
export const judge = (turn: Turn, block: BlockState): Judgement => {
  const { state } = turn;
  const { header } = block;
  if (!objectiveHolds(state, block) || block.body === 'invalid') return 'invalid';
  if (header.parentView < state.finalized.view) return 'refused';
  const parent = parentFacts(state, header.parentHash);
  if (parent === undefined) {
    askHeader(turn, header.parentHash, header.proposer);
    return 'waiting';
  }
  if (!followsParent(state, header, parent)) return 'invalid';
  const certified = judgeStateCert(turn, header, parent);
  if (certified !== 'valid') return certified;
  const timely = judgeTime(turn, header);
  if (timely !== 'valid') return timely;
  return block.body === 'present' ? 'valid' : 'waiting';
};
