/**
 * Block validity V1–V11 (consensus design §2.10), checked before NOTARIZE.
 *
 * `objective` rules need the header, its justification and its system section alone; the others need the parent's header,
 * the clock, the body or a result certificate, and may have to wait. Judging is separate from voting: the leader runs the
 * same rules over its own block before it signs.
 */
import type { BlockHash } from '../protocol/brand.ts';
import {
  asParent,
  headerFault,
  justificationHolds,
  leastTimeMs,
  type Parent,
  successionFault,
} from '../protocol/consensus/block-rules.ts';
import { configurationHash } from '../protocol/consensus/configuration.ts';
import type { Header, StateReference } from '../protocol/consensus/header.ts';
import { evaluateSystem, type SystemVerdict } from '../protocol/consensus/reconfigure.ts';
import { ZERO_HASH } from '../protocol/consensus/vote.ts';
import { CLOCK_AHEAD_MS, CLOCK_BEHIND_MS } from './constants.ts';
import { askHeader, resultKey } from './requests.ts';
import { holdsUnattached } from './skipped.ts';
import type { BlockState, CoreState } from './state.ts';
import { repairMs, retryAt } from './timer.ts';
import type { Turn } from './turn.ts';

/** May be voted for; broken for good; something is missing; or not for us to vote for by what we know. */
export type Judgement = 'valid' | 'invalid' | 'waiting' | 'refused';

/** What of the parent the rules need. */
export interface ParentFacts extends Parent {
  readonly stateCert: StateReference | undefined;
}

/** The parent, if its header is known: the finalised block or one above it. */
export const parentFacts = (state: CoreState, id: BlockHash): ParentFacts | undefined => {
  if (id === state.finalized.id) return { ...state.finalized, nextConfigHash: ZERO_HASH };
  const block = state.blocks.get(id);
  if (block === undefined || block.header.view <= state.finalized.view) return undefined;
  return { ...asParent(id, block.header), stateCert: block.header.stateCert };
};

/** What a block's system section does to the configuration, judged once. */
export const systemEffect = (state: CoreState, block: BlockState): SystemVerdict => {
  const { anchor, governance, verifySignature } = state.config;
  block.effect ??= evaluateSystem(anchor, governance, block.system, block.header, verifySignature);
  return block.effect;
};

/** V7: the section is valid and the header names exactly the configuration that it leads to; a tail repeats its parent's. */
const systemHolds = (state: CoreState, block: BlockState): boolean => {
  const { header } = block;
  if (header.kind === 'tail') return true;
  const effect = systemEffect(state, block);
  if (effect.verdict === 'invalid') return false;
  const { next } = effect;
  return header.nextConfigHash === (next === undefined ? ZERO_HASH : configurationHash(header.chainId, next));
};

/** Whether a block keeps every rule that needs no context; certificates' signatures were checked at the gate. */
export const objectiveHolds = (state: CoreState, block: BlockState): boolean => {
  if (block.objective === 'unknown') {
    const { header, justification, sound } = block;
    const { anchor } = state.config;
    const holds =
      sound &&
      headerFault(header, anchor) === undefined &&
      justificationHolds(header, justification, anchor) &&
      systemHolds(state, block);
    block.objective = holds ? 'kept' : 'broken';
  }
  return block.objective === 'kept';
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
  const key = resultKey(reference.certHash);
  const open = turn.state.requests.get(key);
  if (open !== undefined && turn.now.monotonicMs - open.lastAtMs < repairMs(turn.state)) return;
  turn.state.requests.set(key, { attempts: 0, lastAtMs: turn.now.monotonicMs });
  turn.effects.push({ kind: 'needResultCertificate', certHash: reference.certHash, from: header.proposer });
};

/** A joiner vouches for a final block: compared with our own chain. Another one gets no vote from us, whoever is right. */
export const judgeReadiness = (state: CoreState, effect: SystemVerdict | undefined): Judgement => {
  if (effect?.verdict !== 'valid') return 'valid';
  for (const { height, blockHash } of effect.readiness) {
    const own = state.recent.get(height);
    if (own === undefined) return 'waiting';
    if (own !== blockHash) return 'refused';
  }
  return 'valid';
};

/**
 * V5 against our clock: a block of the future waits, one of the distant past gets no vote from us. The least time that a
 * block on this parent can have is never of the future: where clocks were put back, the chain goes on and they reach it.
 * Our own block is judged by the others' clocks: where ours is behind its parent's time, only they can tell.
 */
const judgeTime = (turn: Turn, header: Header, parent: Pick<Header, 'timeMs'>): Judgement => {
  if (header.proposer === turn.state.config.self) return 'valid';
  const aheadMs = header.timeMs - turn.now.wallMs;
  if (aheadMs > CLOCK_AHEAD_MS && header.timeMs > leastTimeMs(parent)) {
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
  if (!holdsUnattached(turn, block)) return 'waiting';
  const parent = parentFacts(state, header.parentHash);
  if (parent === undefined) {
    askHeader(turn, header.parentHash, header.proposer);
    return 'waiting';
  }
  if (successionFault(header, parent) !== undefined) return 'invalid';
  for (const judgement of [
    judgeStateCert(turn, header, parent),
    judgeReadiness(state, block.effect),
    judgeTime(turn, header, parent),
  ])
    if (judgement !== 'valid') return judgement;
  return block.body === 'present' ? 'valid' : 'waiting';
};
