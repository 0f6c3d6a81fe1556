/** What the driver may read of a core: to serve peers, to report status, to skip useless checks. */
import type { BlockHash, ValidatorIndex, View } from '../protocol/brand.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import type { ViewRange } from '../protocol/consensus/justification.ts';
import type { Vote, VoteKind } from '../protocol/consensus/vote.ts';
import { type BlockState, type CoreState, type FinalPoint, leaderOf } from './state.ts';
import { inWindow } from './tally.ts';

/** A known block above the finalised one, or final and not yet delivered. */
export const findBlock = (state: CoreState, block: BlockHash): Readonly<BlockState> | undefined =>
  state.blocks.get(block);

/** A held certificate; for the finalised view its finalization. */
export const findCertificate = (state: CoreState, view: View, kind: VoteKind): Certificate | undefined => {
  if (view === state.finalized.view) return kind === 'finalize' ? state.finalized.finalization : undefined;
  const known = state.views.get(view);
  if (kind === 'notarize') return known?.notarization;
  return kind === 'nullify' ? known?.nullification : known?.finalization;
};

/** The nullifications and notarizations that are held of views, ascending. */
export const certificatesOf = (state: CoreState, { from, to }: ViewRange): Certificate[] => {
  const found: Certificate[] = [];
  for (let number: number = Math.max(from, state.finalized.view + 1); number <= to; number += 1) {
    const { nullification, notarization } = state.views.get(number) ?? {};
    if (nullification !== undefined) found.push(nullification);
    if (notarization !== undefined) found.push(notarization);
  }
  return found;
};

/** Newest final block. */
export const finalizedPoint = (state: CoreState): FinalPoint => state.finalized;

/** Current view and its leader. */
export const currentView = (state: CoreState): { readonly view: View; readonly leader: ValidatorIndex } => ({
  view: state.current,
  leader: leaderOf(state, state.current),
});

/** Whether a vote or proposal for this view would be looked at; others need not be verified. */
export const isRelevant = (state: CoreState, view: number): boolean => inWindow(state, view);

/** Greatest height that certificates prove final, as far as headers are known here. */
export const provenHeight = (state: CoreState): number => {
  const named = state.finalizationViews.map((view) => {
    const finalization = state.views.get(view)?.finalization;
    return finalization === undefined ? undefined : state.blocks.get(finalization.hash)?.header.height;
  });
  const closing = state.closingProof && state.blocks.get(state.closingProof.block)?.header.height;
  return Math.max(state.finalized.height, closing ?? 0, ...named.map((height) => height ?? 0));
};

/** Newest votes of a validator above the finalised view, at most `limit`: what it must still know when it comes back. */
export const votesOf = (state: CoreState, signer: ValidatorIndex, limit: number): Vote[] => {
  const found: Vote[] = [];
  for (const number of [...state.views.keys()].sort((a, b) => b - a)) {
    const view = state.views.get(number);
    for (const vote of [view?.notarize[signer], view?.nullify[signer], view?.finalize[signer]])
      if (vote !== undefined) found.push(vote);
    if (found.length >= limit) break;
  }
  return found.slice(0, limit);
};
