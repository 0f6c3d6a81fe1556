/**
 * Long outages (docs/adr/0019): a block that skips more views than its justification carries nullifications counts only
 * where the others are held, whoever signed them. Who took part in the outage holds them; what is missing is pulled in
 * answers of bounded size. Each certificate is recorded when it arrives, hence before the vote that relies on it (D2).
 */
import type { View } from '../protocol/brand.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { unattachedViews, type ViewRange } from '../protocol/consensus/justification.ts';
import { askCertificates } from './requests.ts';
import type { BlockState, CoreState } from './state.ts';
import type { Turn } from './turn.ts';

const nullification = (state: CoreState, view: number): Certificate | undefined => state.views.get(view)?.nullification;

/** Whether all nullifications beyond the block's justification are held; asks for those that are missing. */
export const holdsUnattached = (turn: Turn, block: BlockState): boolean => {
  const { state } = turn;
  const range = unattachedViews(block.header);
  if (range === undefined) return true;
  while (block.unheld <= range.to && nullification(state, block.unheld) !== undefined)
    block.unheld = (block.unheld + 1) as View;
  if (block.unheld > range.to) return true;
  askCertificates(turn, { from: block.unheld, to: range.to }, block.header.proposer);
  return false;
};

/** The nullifications beyond a block's justification, ascending; they are held. */
export const unattachedTo = (state: CoreState, { header }: BlockState): Certificate[] => {
  const range = unattachedViews(header);
  if (range === undefined) return [];
  const views = Array.from({ length: range.to - range.from + 1 }, (_, i) => range.from + i);
  return views.flatMap((view) => nullification(state, view) ?? []);
};

/** The views without any certificate that end with the given one. */
export const blankViews = (state: CoreState, to: View): ViewRange => {
  let from = to;
  while (from - 1 > state.finalized.view && isBlank(state, from - 1)) from = (from - 1) as View;
  return { from, to };
};

const isBlank = (state: CoreState, view: number): boolean => {
  const known = state.views.get(view);
  return (known?.nullification ?? known?.notarization ?? known?.finalization) === undefined;
};
