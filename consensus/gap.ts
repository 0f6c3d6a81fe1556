/**
 * A validator that is far behind goes on hearing what the others agree on now, and votes with them: it needs the newest
 * blocks for that, but not all that lies between them and its last final block. Those come again, by height and proven,
 * when it has caught up to them; until then they would fill the memory.
 */
import type { View } from '../protocol/brand.ts';
import type { CoreState } from './state.ts';
import type { Turn } from './turn.ts';

/** What the view was about is forgotten; the own votes never are (`key-safety.ts`). */
const forgetView = (state: CoreState, number: number): void => {
  const view = state.views.get(number);
  if (view === undefined) return;
  const { own } = view;
  if (own.notarize === undefined && !own.nullify && own.finalize === undefined) {
    state.views.delete(number);
    return;
  }
  for (const list of [view.notarize, view.nullify, view.finalize, view.ownSigned]) list.length = 0;
  view.nullifyCount = 0;
  view.notarization = undefined;
  view.nullification = undefined;
  view.finalization = undefined;
  view.proposal = undefined;
};

/** Forgets what lies between two views, neither included: the newest that waits to be committed, and the newest chain. */
export const forgetBetween = (turn: Turn, above: View, below: View): void => {
  const { state } = turn;
  const isBetween = (view: number): boolean => view > above && view < below;
  for (const block of state.blocks.values()) {
    if (!isBetween(block.header.view)) continue;
    state.blocks.delete(block.id);
    state.missingBodies.delete(block.id);
    turn.effects.push({ kind: 'discard', block: block.id, header: block.header });
  }
  for (const number of state.views.keys()) if (isBetween(number)) forgetView(state, number);
  const isKept = (view: View): boolean => !isBetween(view);
  state.notarizedViews = state.notarizedViews.filter(isKept);
  state.finalizationViews = state.finalizationViews.filter(isKept);
  state.unconsidered = state.unconsidered.filter(isKept);
};
