/** R2 View entry: a certificate of view v, or any later one, is the ticket to v + 1. There is no other way forward. */
import type { View } from '../protocol/brand.ts';
import { REMEMBERED_VIEWS } from './constants.ts';
import type { CoreState } from './state.ts';
import type { Turn } from './turn.ts';

/** Forgets the votes of nullified views that have come to lie far behind: in a long outage they would fill the memory. */
const forgetVotes = (state: CoreState, before: View): void => {
  for (let number = before - REMEMBERED_VIEWS; number < state.current - REMEMBERED_VIEWS; number += 1) {
    const view = state.views.get(number);
    if (view?.nullification === undefined || view.notarization !== undefined) continue;
    for (const slots of [view.notarize, view.nullify, view.finalize]) slots.length = 0;
  }
};

/** Enters the view after the highest certificate. */
export const enterViews = (turn: Turn): void => {
  const { state, now } = turn;
  if (state.highestCertificate < state.current) return;
  const before = state.current;
  state.current = (state.highestCertificate + 1) as View;
  forgetVotes(state, before);
  state.enteredAtMs = now.monotonicMs;
  state.viewTimerAtMs = undefined;
  state.retryAtMs = undefined;
  state.buildAsked = undefined;
  state.buildFailed = false;
};
