/**
 * R7 Commit: a finalization makes its block and all ancestors final. Final blocks are delivered in height order once
 * their bodies are there; everything at or below the finalised view is forgotten.
 */
import type { BlockHash, View } from '../protocol/brand.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { firstMissing, pathToFinalized, recordBlock } from './blocks.ts';
import { askBlocks, askHeader, pruneRequests } from './requests.ts';
import type { BlockState } from './state.ts';
import type { Turn } from './turn.ts';

/** Commits the highest finalization whose chain of headers is known; asks for headers that are missing. */
export const commit = (turn: Turn): void => {
  const { state } = turn;
  if (state.finalizationViews.length === 0) return;
  const descending = state.finalizationViews.toSorted((a, b) => b - a);
  for (const [position, number] of descending.entries()) {
    const finalization = state.views.get(number)?.finalization;
    if (finalization === undefined) continue;
    const path = pathToFinalized(state, finalization.hash);
    if (path !== undefined) {
      finalizePath(turn, path, finalization);
      break;
    }
    if (position === 0) askPath(turn, finalization);
  }
};

const askPath = (turn: Turn, finalization: Certificate): void => {
  const { state } = turn;
  const missing = firstMissing(state, finalization.hash);
  const preferred = state.leaders[finalization.view % state.validators] ?? 0;
  if (missing !== undefined) askHeader(turn, missing, preferred);
  if (finalization.view > state.finalized.view + 1) askBlocks(turn, preferred);
};

const finalizePath = (turn: Turn, path: BlockState[], finalization: Certificate): void => {
  const { state, now } = turn;
  const tip = path[0];
  if (tip === undefined) return;
  const previous = state.finalized.id;
  const blocks = path.toReversed();
  for (const block of blocks) recordBlock(turn, block);
  const { view, height, timeMs, stateCert } = tip.header;
  state.finalized = { id: tip.id, view, height, timeMs, stateCert, finalization };
  state.finalizedAtMs = now.monotonicMs;
  state.deliveries.push({ blocks, finalization });
  turn.records.push({ kind: 'finalized', epoch: state.config.anchor.epoch, view, height, block: tip.id });
  prune(turn, previous);
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

/** Delivers final blocks, oldest first, as far as their bodies are present. */
export const deliverReady = (turn: Turn): void => {
  const { state } = turn;
  for (;;) {
    const next = state.deliveries[0];
    if (next === undefined || next.blocks.some((block) => block.body !== 'present')) return;
    state.deliveries.shift();
    turn.effects.push({
      kind: 'deliver',
      blocks: next.blocks.map(({ id, header, justification }) => ({ id, header, justification })),
      finalization: next.finalization,
    });
    for (const block of next.blocks) if (block.id !== state.finalized.id) state.blocks.delete(block.id);
  }
};
