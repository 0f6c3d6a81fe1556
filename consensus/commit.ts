/**
 * R7 Commit: a finalization makes its block and all ancestors final. Final blocks are delivered in height order once
 * their bodies are there; everything at or below the finalised view is forgotten.
 *
 * A closing block among them ends the epoch (consensus design §3.3, §3.4): what follows it on the path are its tails,
 * which prove it final and are no part of the ledger. After that nothing is voted for here; the next epoch is entered by
 * an event of its own (R14), once all of this one is delivered.
 */
import type { BlockHash, ValidatorIndex, View } from '../protocol/brand.ts';
import { anchorOf } from '../protocol/consensus/configuration.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { MAX_FOLLOWING_HEADERS } from '../protocol/consensus/finality-proof.ts';
import { type Header, isClosing } from '../protocol/consensus/header.ts';
import { MAX_BLOCKS_PER_RESPONSE } from '../protocol/consensus/request.ts';
import { MAX_READINESS_AGE_BLOCKS } from '../protocol/limits.ts';
import { type KnownPath, knownPath, recordBlock } from './blocks.ts';
import { REMEMBERED_VIEWS } from './constants.ts';
import { forgetBetween } from './gap.ts';
import { askBlocks, askHeader, pruneRequests } from './requests.ts';
import { holdsUnattached, unattachedTo } from './skipped.ts';
import type { BlockState, ClosingProof } from './state.ts';
import type { Turn } from './turn.ts';
import { systemEffect } from './validity.ts';

/**
 * Commits the highest finalization whose chain of headers is known; asks for headers that are missing. A chain that is too
 * long for a proof of its first block (a log without its ledger) waits for a finalization further down, which is asked for.
 *
 * All that is final lies on one chain: where the way down from one finalization breaks off, it does for all that were
 * passed on it, so each known block is looked at once.
 */
export const commit = (turn: Turn): void => {
  const { state } = turn;
  if (state.ended !== undefined) return;
  if (state.closingProof !== undefined) commitClosing(turn, state.closingProof);
  if (state.ended !== undefined || state.finalizationViews.length === 0) return;
  const descending = state.finalizationViews.toSorted((a, b) => b - a);
  let highest: (KnownPath & { readonly finalization: Certificate }) | undefined;
  let passed = Number.POSITIVE_INFINITY;
  let waiting = state.finalized.view;
  for (const number of descending) {
    const finalization = state.views.get(number)?.finalization;
    if (finalization === undefined || number >= passed) continue;
    const known = knownPath(state, finalization.hash);
    highest ??= { ...known, finalization };
    if (!known.whole) passed = known.path.at(-1)?.header.view ?? number;
    if (!isProvable(known)) continue;
    waiting = number;
    if (!isSupported(turn, known.path)) continue;
    finalizePath(turn, known.path, finalization);
    break;
  }
  if (highest === undefined || isProvable(highest) || state.ended !== undefined) return;
  // What was committed is what the newest chain stood on.
  if (highest.missing === state.finalized.id) return commit(turn);
  askPath(turn, highest, highest.finalization);
  const newest = descending[REMEMBERED_VIEWS - 1];
  if (newest !== undefined && !highest.whole) forgetBetween(turn, waiting, newest);
};

const isProvable = ({ whole, path }: KnownPath): boolean => whole && path.length <= MAX_FOLLOWING_HEADERS;

/** The path to a closing block that was proven final by tails which never came here as blocks. */
const commitClosing = (turn: Turn, { block, following, finalization }: ClosingProof): void => {
  const known = knownPath(turn.state, block);
  if (!known.whole) askPath(turn, known, finalization);
  else if (isSupported(turn, known.path)) finalizePath(turn, known.path, finalization, following);
};

/** Whether every view that the path skips is known to be nullified: what contradicts it would convict its signers. */
const isSupported = (turn: Turn, path: readonly BlockState[]): boolean =>
  path.every((block) => holdsUnattached(turn, block));

/** Far behind, blocks come by height from below: walking down from the newest one would fetch, and hold, them all. */
const askPath = (turn: Turn, { path, missing }: KnownPath, { view }: Certificate): void => {
  const { state } = turn;
  const preferred = state.leaders[view % state.validators] ?? (0 as ValidatorIndex);
  const lowest = path.at(-1)?.header.height ?? 0;
  if (missing !== undefined && lowest - state.finalized.height <= MAX_BLOCKS_PER_RESPONSE)
    askHeader(turn, missing, preferred);
  if (view > state.finalized.view + 1) askBlocks(turn, preferred);
};

const finalizePath = (
  turn: Turn,
  path: readonly BlockState[],
  finalization: Certificate,
  proven: readonly Header[] = [],
): void => {
  const { state, now } = turn;
  const tip = path[0];
  if (tip === undefined) return;
  const previous = state.finalized.id;
  const ordered = path.toReversed();
  for (const block of ordered) recordBlock(turn, block);
  const blocks = ordered.filter(({ header }) => header.kind !== 'tail');
  const tails = ordered.slice(blocks.length);
  const last = blocks.at(-1) ?? tip;
  const following = [...tails.map(({ header }) => header), ...proven];
  const unattached = ordered.flatMap((block) => unattachedTo(state, block));
  const { height, timeMs, stateCert } = last.header;
  const { view } = finalization;
  state.finalized = { id: tip.id, view, height, timeMs, stateCert, finalization };
  state.finalizedAtMs = now.monotonicMs;
  for (const block of blocks) state.recent.set(block.header.height, block.id);
  for (const old of state.recent.keys()) if (old <= height - 2 * MAX_READINESS_AGE_BLOCKS) state.recent.delete(old);
  state.deliveries.push({ blocks, following, tails, unattached, finalization });
  turn.records.push({ kind: 'finalized', epoch: state.config.anchor.epoch, view, height, block: last.id });
  endEpoch(turn, last, following, finalization);
  prune(turn, previous);
};

/** Notes the end of the epoch when its closing block became final; durable before anything of the next epoch (D4). */
const endEpoch = (turn: Turn, closing: BlockState, following: readonly Header[], finalization: Certificate): void => {
  const { state } = turn;
  const { header, id } = closing;
  if (!isClosing(header)) return;
  const effect = systemEffect(state, closing);
  if (effect.verdict === 'invalid' || effect.next === undefined)
    throw new TypeError('a quorum finalised a change of configuration that the rules do not yield');
  const next = anchorOf(state.config.anchor.chainId, effect.next, { ...header, id });
  state.ended = { closing, following, finalization, next, announced: false };
  turn.records.push({ kind: 'closing', block: id, following, finalization });
  turn.sync = true;
};

const prune = (turn: Turn, previous: BlockHash): void => {
  const { state } = turn;
  const floor = state.finalized.view;
  for (const number of state.views.keys()) if (number <= floor) state.views.delete(number);
  const above = (number: View): boolean => number > floor;
  state.notarizedViews = state.notarizedViews.filter(above);
  state.finalizationViews = state.finalizationViews.filter(above);
  state.unconsidered = state.unconsidered.filter(above);
  const waiting = new Set(state.deliveries.flatMap((delivery) => delivery.blocks));
  for (const block of state.blocks.values()) {
    if (block.header.view > floor || waiting.has(block)) continue;
    state.blocks.delete(block.id);
    state.missingBodies.delete(block.id);
    if (block.id !== previous) turn.effects.push({ kind: 'discard', block: block.id, header: block.header });
  }
  pruneRequests(turn);
  const certified = state.finalized.stateCert?.height ?? 0;
  for (const [hash, fact] of state.stateCerts) {
    if (fact === 'invalid' || fact.height < certified) state.stateCerts.delete(hash);
  }
};

const finalBlock = ({ id, header, justification, system }: BlockState) => ({ id, header, justification, system });

/** Delivers final blocks, oldest first, as far as their bodies are present; then tells that the epoch is over. */
export const deliverReady = (turn: Turn): void => {
  const { state } = turn;
  for (let next = state.deliveries[0]; next !== undefined; next = state.deliveries[0]) {
    if (next.blocks.some((block) => block.body !== 'present')) return;
    state.deliveries.shift();
    const { following, unattached, finalization } = next;
    const [blocks, tails] = [next.blocks.map(finalBlock), next.tails.map(finalBlock)];
    turn.effects.push({ kind: 'deliver', blocks, following, tails, unattached, finalization });
    for (const block of next.blocks) if (block.id !== state.finalized.id) state.blocks.delete(block.id);
  }
  const { ended } = state;
  if (ended === undefined || ended.announced) return;
  ended.announced = true;
  turn.effects.push({ kind: 'epochEnded', next: ended.next });
};
