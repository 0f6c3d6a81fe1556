/**
 * R1 Certificates: votes fill one slot per signer, view and kind; q equal ones make a certificate; a certificate is
 * stored once and relayed by a few. Memory is bounded by the window of views in which votes are kept.
 */
import type { BlockHash } from '../protocol/brand.ts';
import { type Certificate, certificateOf } from '../protocol/consensus/certificate.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import { VIEW_WINDOW } from './constants.ts';
import { detectEvidence } from './evidence.ts';
import { witnessCertificate } from './key-safety.ts';
import { isRelay } from './relay.ts';
import { type CoreState, type ViewState, viewOf } from './state.ts';
import type { Turn } from './turn.ts';

const slotsOf = (view: ViewState, kind: Vote['kind']): (Vote | undefined)[] =>
  kind === 'notarize' ? view.notarize : kind === 'nullify' ? view.nullify : view.finalize;

/** The certificate of a kind that is held for a view. */
export const heldCertificate = (view: ViewState, kind: Vote['kind']): Certificate | undefined =>
  kind === 'notarize' ? view.notarization : kind === 'nullify' ? view.nullification : view.finalization;

const equalVotes = (slots: readonly (Vote | undefined)[], hash: BlockHash): number => {
  let count = 0;
  for (const vote of slots) if (vote !== undefined && vote.hash === hash) count += 1;
  return count;
};

/** Whether votes of this view are tallied: above the finalised view, at most the window ahead. */
export const inWindow = (state: CoreState, view: number): boolean =>
  view > state.finalized.view && view <= Math.max(state.current, state.highestCertificate + 1) + VIEW_WINDOW;

/** Own votes count in every view above the finalised one: after a restart far behind they lie beyond the window. */
const isCounted = (state: CoreState, { signer, view }: Vote): boolean =>
  signer === state.config.self ? view > state.finalized.view : inWindow(state, view);

/** Tallies a verified vote; says whether its view is one in which votes count. */
export const addVote = (turn: Turn, vote: Vote): boolean => {
  const { state } = turn;
  if (!isCounted(state, vote)) return false;
  const view = viewOf(state, vote.view);
  const slots = slotsOf(view, vote.kind);
  const earlier = slots[vote.signer];
  detectEvidence(turn, view, vote);
  if (earlier !== undefined) return true;
  slots[vote.signer] = vote;
  if (vote.kind === 'nullify') view.nullifyCount += 1;
  if (heldCertificate(view, vote.kind) !== undefined || equalVotes(slots, vote.hash) < state.quorum) return true;
  const votes = slots.filter((slot): slot is Vote => slot !== undefined && slot.hash === vote.hash);
  addCertificate(turn, certificateOf(votes.slice(0, state.quorum), state.validators));
  return true;
};

const contradicts = (view: ViewState, certificate: Certificate): boolean => {
  if (certificate.kind === 'nullify') return view.finalization !== undefined;
  if (certificate.kind === 'finalize' && view.nullification !== undefined) return true;
  const other = certificate.kind === 'notarize' ? view.finalization : view.notarization;
  const same = heldCertificate(view, certificate.kind);
  return (
    (other !== undefined && other.hash !== certificate.hash) || (same !== undefined && same.hash !== certificate.hash)
  );
};

/**
 * Stores a valid certificate of any view above the finalised one, records it and, where that is up to us, relays it, each
 * once; says whether it was new.
 */
export const addCertificate = (turn: Turn, certificate: Certificate): boolean => {
  const { state } = turn;
  if (certificate.view <= state.finalized.view) return false;
  witnessCertificate(turn, certificate);
  const view = viewOf(state, certificate.view);
  if (contradicts(view, certificate)) {
    halt(turn);
    return false;
  }
  if (heldCertificate(view, certificate.kind) !== undefined) return false;
  indexCertificate(state, view, certificate);
  turn.records.push({ kind: 'certificate', certificate });
  if (isRelay(state, certificate.view)) turn.effects.push({ kind: 'relay', certificate });
  return true;
};

/** Puts a certificate into the state without recording or relaying it. */
export const indexCertificate = (state: CoreState, view: ViewState, certificate: Certificate): void => {
  if (certificate.kind === 'nullify') view.nullification = certificate;
  else if (certificate.kind === 'notarize') {
    view.notarization = certificate;
    state.notarizedViews.push(view.view);
    state.unconsidered.push(view.view);
  } else {
    view.finalization = certificate;
    state.finalizationViews.push(view.view);
  }
  if (view.view > state.highestCertificate) state.highestCertificate = view.view;
};

const halt = (turn: Turn): void => {
  if (turn.state.halted) return;
  turn.state.halted = true;
  turn.effects.push({ kind: 'halt', code: 'FORK_DETECTED', vote: undefined });
};
