/**
 * R10 Work: the reason for anything to happen. Without work no timer runs, nothing is proposed and nothing sent again:
 * an idle network is silent but for STATUS.
 */
import type { CoreState } from './state.ts';
import { viewOf } from './state.ts';

/** When the empty block that keeps an idle chain fresh is due. */
export const heartbeatAtMs = (state: CoreState): number => state.finalizedAtMs + state.parameters.heartbeatMs;

/** An open block that is worth making final: one with content, a closing one, a tail. */
const carriesPayload = (state: CoreState): boolean =>
  state.notarizedViews.some((number) => {
    const certificate = state.views.get(number)?.notarization;
    const block = certificate === undefined ? undefined : state.blocks.get(certificate.hash);
    return block === undefined || block.header.kind !== 'empty';
  });

/** Whether a block other than the heartbeat's is wanted from the leader. */
export const hasWork = (state: CoreState, nowMs: number): boolean => {
  if (state.ended !== undefined) return false;
  if (state.mempoolPending || nowMs >= heartbeatAtMs(state)) return true;
  const view = viewOf(state, state.current);
  return view.proposal !== undefined || view.nullifyCount > 0 || carriesPayload(state);
};

/** Whether something agreed on is not final, or final and not delivered. */
export const hasUnfinished = (state: CoreState): boolean =>
  state.notarizedViews.length > 0 ||
  state.finalizationViews.length > 0 ||
  state.deliveries.length > 0 ||
  state.closingProof !== undefined;
