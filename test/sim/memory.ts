/** P12: whatever liars sent, a core keeps views and blocks of its window only, and evidence once a validator and rule. */
import { VIEW_WINDOW } from '../../consensus/constants.ts';
import type { CoreState } from '../../consensus/state.ts';

/** What a core holds more of than may be; undefined when nothing. */
export const excessOf = (core: CoreState): string | undefined => {
  // Who learns from a proof that its epoch is over, perhaps many views later, holds no certificate of these views.
  const window = Math.max(core.highestCertificate, core.finalized.view) + 1 + VIEW_WINDOW - core.finalized.view;
  const pending = core.deliveries.reduce((sum, { blocks }) => sum + blocks.length, 0);
  const most = { views: window, blocks: 2 * window + pending + 1, evidence: 5 * core.validators };
  for (const [what, bound] of Object.entries(most)) {
    const { size } = core[what as keyof typeof most];
    if (size > bound) return `${size} ${what}, at most ${bound} may be`;
  }
  return undefined;
};
