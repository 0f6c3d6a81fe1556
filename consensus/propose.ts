/**
 * R3 Propose: the leader builds on the highest notarised block from which nullifications lead to the current view, and
 * puts exactly these certificates into its proposal, the last of them where they are many. A block goes through the full
 * rules before its leader signs it.
 */
import type { BlockHash, Hash, Height, View } from '../protocol/brand.ts';
import { leastTimeMs } from '../protocol/consensus/block-rules.ts';
import { EMPTY_TRANSACTION_ROOT } from '../protocol/consensus/body.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { type Configuration, configurationHash } from '../protocol/consensus/configuration.ts';
import { blockId, HEADER_VERSION, type Header } from '../protocol/consensus/header.ts';
import { type Justification, justificationRoot, MAX_NULLIFICATIONS } from '../protocol/consensus/justification.ts';
import { evaluateSystem } from '../protocol/consensus/reconfigure.ts';
import { systemRoot } from '../protocol/consensus/system.ts';
import { ZERO_HASH } from '../protocol/consensus/vote.ts';
import { addBlock, pathToFinalized, recordBlock } from './blocks.ts';
import { cast, mayVote } from './cast.ts';
import { EMPTY_DELAY_FRACTION, MAX_UNFINALIZED_PAYLOADS } from './constants.ts';
import type { BuiltPayload } from './input.ts';
import { askCertificates, askHeader } from './requests.ts';
import { blankViews } from './skipped.ts';
import { type BlockState, type CoreState, leaderOf, viewOf } from './state.ts';
import { baseTimeoutMs, retryAt } from './timer.ts';
import type { Turn } from './turn.ts';
import { judge, judgeReadiness, type ParentFacts, parentFacts } from './validity.ts';
import { hasWork, heartbeatAtMs } from './work.ts';

const NOTHING = { txRoot: EMPTY_TRANSACTION_ROOT, txCount: 0, bodyBytes: 0 };

interface Foundation {
  readonly parent: ParentFacts;
  readonly justification: Justification;
}

/** Certificate that makes the block of a view a parent: notarization or finalization. */
const parentCertificate = (state: CoreState, view: View): Certificate | undefined => {
  const known = state.views.get(view);
  return known?.notarization ?? known?.finalization;
};

/** Highest possible parent and its justification; undefined while something is missing. */
const foundation = (turn: Turn): Foundation | undefined => {
  const { state } = turn;
  const nullifications: Certificate[] = [];
  for (let view = state.current - 1; view > state.finalized.view; view -= 1) {
    const certificate = parentCertificate(state, view as View);
    if (certificate !== undefined) return notarizedFoundation(turn, certificate, nullifications.toReversed());
    const nullification = state.views.get(view)?.nullification;
    if (nullification === undefined) {
      askCertificates(turn, blankViews(state, view as View), leaderOf(state, view as View));
      return undefined;
    }
    if (nullifications.length < MAX_NULLIFICATIONS) nullifications.push(nullification);
  }
  const { finalized } = state;
  if (finalized.finalization === undefined && finalized.view !== state.config.anchor.base.view) return undefined;
  return {
    parent: { ...finalized, nextConfigHash: ZERO_HASH },
    justification: { parent: finalized.finalization, nullifications: nullifications.toReversed() },
  };
};

const notarizedFoundation = (
  turn: Turn,
  parent: Certificate,
  nullifications: readonly Certificate[],
): Foundation | undefined => {
  const facts = parentFacts(turn.state, parent.hash);
  if (facts === undefined) {
    askHeader(turn, parent.hash, leaderOf(turn.state, parent.view));
    return undefined;
  }
  return { parent: facts, justification: { parent, nullifications } };
};

/** Pacing: the block interval on a young parent; without transactions, time for finality to make the block needless. */
const notBeforeMs = (turn: Turn, parent: ParentFacts): number => {
  const { state, now } = turn;
  const { minBlockIntervalMs } = state.parameters;
  const youngMs = Math.min(minBlockIntervalMs, parent.timeMs + minBlockIntervalMs - now.wallMs);
  const paced = youngMs > 0 && now.monotonicMs - state.enteredAtMs < minBlockIntervalMs ? now.monotonicMs + youngMs : 0;
  const heartbeatDue = now.monotonicMs >= heartbeatAtMs(state) && state.notarizedViews.length === 0;
  if (state.mempoolPending || heartbeatDue) return paced;
  return Math.max(paced, state.enteredAtMs + baseTimeoutMs(state) * EMPTY_DELAY_FRACTION);
};

const mayPropose = (turn: Turn): boolean => {
  const { state, now } = turn;
  if (!mayVote(state, turn) || leaderOf(state, state.current) !== state.config.self) return false;
  const { own } = viewOf(state, state.current);
  if (own.notarize !== undefined || own.nullify || state.buildFailed) return false;
  return hasWork(state, now.monotonicMs);
};

/** Asks for a payload when it is our turn, once a view and parent. */
export const propose = (turn: Turn): void => {
  const { state, now } = turn;
  if (!mayPropose(turn)) return;
  const base = foundation(turn);
  if (base === undefined) return;
  const notBefore = notBeforeMs(turn, base.parent);
  if (notBefore > now.monotonicMs) {
    retryAt(state, notBefore);
    return;
  }
  if (base.parent.nextConfigHash !== ZERO_HASH) {
    sign(turn, base, { summary: NOTHING, system: [], stateCert: base.parent.stateCert });
    return;
  }
  if (state.buildAsked?.view === state.current && state.buildAsked.parent === base.parent.id) return;
  const path = pathToFinalized(state, base.parent.id);
  if (path === undefined) return;
  state.buildAsked = { view: state.current, parent: base.parent.id };
  turn.effects.push({
    kind: 'build',
    view: state.current,
    parent: base.parent.id,
    ancestors: [...path.map((block) => block.id), ...undelivered(state)],
    payload: state.emptyOnly !== state.current && !crowded(path) ? 'any' : 'empty',
    stateCert: base.parent.stateCert,
    maxStateHeight: base.parent.height as Height,
  });
};

const crowded = (path: readonly BlockState[]): boolean =>
  path.filter((block) => block.header.kind === 'normal').length >= MAX_UNFINALIZED_PAYLOADS;

const undelivered = (state: CoreState): BlockHash[] =>
  state.deliveries.flatMap((delivery) => delivery.blocks.map((block) => block.id));

/** A header on a foundation. After a closing block it is a tail: no height of its own, no content, the same next epoch. */
const headerOf = (turn: Turn, base: Foundation, payload: BuiltPayload, next: Configuration | undefined): Header => {
  const { state, now } = turn;
  const { anchor } = state.config;
  const { parent } = base;
  const isTail = parent.nextConfigHash !== ZERO_HASH;
  const hasContent = payload.summary.txCount > 0 || payload.system.length > 0;
  return {
    version: HEADER_VERSION,
    chainId: anchor.chainId,
    epoch: anchor.epoch,
    view: state.current,
    height: (parent.height + (isTail ? 0 : 1)) as Height,
    kind: isTail ? 'tail' : hasContent ? 'normal' : 'empty',
    timeMs: Math.max(now.wallMs, leastTimeMs(parent)),
    proposer: leaderOf(state, state.current),
    parentView: parent.view,
    parentHash: parent.id,
    justRoot: justificationRoot(base.justification),
    ...payload.summary,
    sysRoot: systemRoot(payload.system),
    configHash: anchor.configHash,
    nextConfigHash: isTail
      ? (parent.nextConfigHash as Hash)
      : next === undefined
        ? ZERO_HASH
        : configurationHash(anchor.chainId, next),
    stateCert: payload.stateCert,
  };
};

/**
 * Takes the payload that was asked for: builds, judges, records and signs the block, or gives the view up. Where
 * execution lags too far behind (V10), an empty payload is asked for instead.
 */
export const receivePayload = (turn: Turn, view: View, parent: BlockHash, payload: BuiltPayload | undefined): void => {
  const { state } = turn;
  if (view !== state.current || state.buildAsked?.parent !== parent) return;
  if (!mayPropose(turn)) {
    // Work went away while the payload was built; should it come back in this view, it is asked for anew.
    state.buildAsked = undefined;
    return;
  }
  if (payload === undefined) {
    state.buildFailed = true;
    return;
  }
  const base = foundation(turn);
  if (base === undefined || base.parent.id !== parent) return;
  const { stateCert, summary } = payload;
  if (stateCert !== undefined)
    state.stateCerts.set(stateCert.certHash, { height: stateCert.height, root: stateCert.root });
  const lag = base.parent.height + 1 - (stateCert?.height ?? 0);
  if (lag > state.parameters.maxStateLagBlocks && summary.txCount > 0) {
    state.emptyOnly = view;
    state.buildAsked = undefined;
    return;
  }
  sign(turn, base, payload);
};

/** Builds the block, judges it by the full rules, records and signs it, or gives the view up. */
const sign = (turn: Turn, base: Foundation, payload: BuiltPayload): void => {
  const { state, now } = turn;
  const place = { height: base.parent.height + 1, timeMs: Math.max(now.wallMs, leastTimeMs(base.parent)) };
  const { anchor, governance, verifySignature } = state.config;
  const effect = evaluateSystem(anchor, governance, payload.system, place, verifySignature);
  // What the rules do not permit here and now waits for a later block.
  const permits = effect.verdict === 'valid' && judgeReadiness(state, effect) === 'valid';
  const permitted = permits ? payload : { ...payload, system: [] };
  const header = headerOf(turn, base, permitted, permits ? effect.next : undefined);
  const checked = { id: blockId(header), header, justification: base.justification, system: permitted.system };
  const block = addBlock(state, checked, 'present', true);
  const judgement = judge(turn, block);
  if (judgement !== 'valid') {
    state.blocks.delete(block.id);
    state.buildFailed = true;
    return;
  }
  const { id, justification, system } = block;
  viewOf(state, header.view).proposal = id;
  recordBlock(turn, block);
  cast(turn, 'notarize', header.view, id, { id, header, justification, system });
};
