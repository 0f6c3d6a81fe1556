/** R2 View entry: a certificate of view v, or any later one, is the ticket to v + 1. There is no other way forward. */
import type { View } from '../protocol/brand.ts';
import type { Turn } from './turn.ts';

/** Enters the view after the highest certificate. */
export const enterViews = (turn: Turn): void => {
  const { state, now } = turn;
  if (state.highestCertificate < state.current) return;
  state.current = (state.highestCertificate + 1) as View;
  state.enteredAtMs = now.monotonicMs;
  state.viewTimerAtMs = undefined;
  state.retryAtMs = undefined;
  state.buildAsked = undefined;
  state.buildFailed = false;
};
