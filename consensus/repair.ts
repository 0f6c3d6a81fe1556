/**
 * R11 Repair is pull: STATUS says what a node holds and hands over its own votes; peers answer with the certificates
 * that it lacks, at most once a repair interval each. Only stored bytes are ever sent again.
 */
import type { MemberIndex, Verified, View } from '../protocol/brand.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import {
  firstDescribed,
  HAVE_NOTARIZATION,
  HAVE_NULLIFICATION,
  MAX_STATUS_VOTES,
  type Status,
  VOTED,
} from '../protocol/consensus/status.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import { MAX_REPAIR_CERTIFICATES } from './constants.ts';
import { noteTold } from './key-safety.ts';
import { askBodies } from './requests.ts';
import { type CoreState, leaderOf, type ViewState } from './state.ts';
import { addVote } from './tally.ts';
import { repairMs, statusDueAtMs } from './timer.ts';
import type { Turn } from './turn.ts';

/** Own votes that others may lack: those of the current view and the newest FINALIZE votes. */
const ownVotesToTell = (state: CoreState): Vote[] => {
  const current = state.views.get(state.current)?.ownSigned.filter((vote) => vote.kind !== 'finalize') ?? [];
  const finals: Vote[] = [];
  for (const number of state.notarizedViews) {
    const vote = state.views.get(number)?.ownSigned.find((own) => own.kind === 'finalize');
    if (vote !== undefined) finals.push(vote);
  }
  return [...current, ...finals.slice(-MAX_STATUS_VOTES)];
};

const bitsOf = (view: ViewState | undefined): number =>
  (view?.notarization === undefined ? 0 : HAVE_NOTARIZATION) |
  (view?.nullification === undefined ? 0 : HAVE_NULLIFICATION) |
  (view?.own.notarize === undefined ? 0 : VOTED.notarize) |
  (view?.own.nullify === true ? VOTED.nullify : 0) |
  (view?.own.finalize === undefined ? 0 : VOTED.finalize);

/** What this core would tell its peers now. */
export const statusOf = (state: CoreState): Status => {
  const { finalized } = state;
  const have: number[] = [];
  const first = firstDescribed({ view: state.current, finalizedView: finalized.view });
  for (let number: number = first; number <= state.current; number += 1) have.push(bitsOf(state.views.get(number)));
  return {
    epoch: state.config.anchor.epoch,
    view: state.current,
    finalizedView: finalized.view,
    finalizedHash: finalized.id,
    finalizedHeight: finalized.height,
    have,
    votes: ownVotesToTell(state),
  };
};

/** Sends STATUS and renews requests when it is time. */
export const tendRepair = (turn: Turn): void => {
  const { state, now } = turn;
  askBodies(turn);
  if (now.monotonicMs < statusDueAtMs(state, now.monotonicMs)) return;
  broadcastStatus(turn);
};

/** Sends STATUS to all. */
export const broadcastStatus = (turn: Turn): void => {
  turn.state.statusAtMs = turn.now.monotonicMs;
  turn.effects.push({ kind: 'broadcastStatus', status: statusOf(turn.state) });
};

const mayReply = (turn: Turn, to: MemberIndex): boolean => {
  const { state, now } = turn;
  if (now.monotonicMs - (state.repliedAtMs[to] ?? 0) < repairMs(state)) return false;
  state.repliedAtMs[to] = now.monotonicMs;
  return true;
};

const lacking = (state: CoreState, status: Status): Certificate[] => {
  const found: Certificate[] = [];
  const described = firstDescribed(status);
  if (status.finalizedView < state.finalized.view && state.finalized.finalization !== undefined) {
    found.push(state.finalized.finalization);
  }
  const collect = (number: number): void => {
    const view = state.views.get(number);
    if (view === undefined) return;
    const bits = number > status.finalizedView ? (status.have[number - described] ?? 0) : 3;
    if (view.finalization !== undefined && number > status.finalizedView) found.push(view.finalization);
    if (view.notarization !== undefined && (bits & HAVE_NOTARIZATION) === 0) found.push(view.notarization);
    if (view.nullification !== undefined && (bits & HAVE_NULLIFICATION) === 0) found.push(view.nullification);
  };
  if (state.highestCertificate > status.view) collect(state.highestCertificate);
  const first = Math.max(state.finalized.view + 1, described);
  for (let number = first; number <= state.highestCertificate && found.length < MAX_REPAIR_CERTIFICATES; number += 1) {
    if (number !== state.highestCertificate || number <= status.view) collect(number);
  }
  return found.slice(0, MAX_REPAIR_CERTIFICATES);
};

/** Takes a peer's STATUS: tallies its votes and sends what it lacks. */
export const receiveStatus = (turn: Turn, status: Verified<Status>, from: MemberIndex): void => {
  const { state } = turn;
  noteTold(state, from, status.finalizedView);
  for (const vote of status.votes) addVote(turn, vote);
  const certificates = lacking(state, status);
  const proposal = proposalToRepeat(state, status);
  if ((certificates.length === 0 && proposal === undefined) || !mayReply(turn, from)) return;
  for (const certificate of certificates) turn.effects.push({ kind: 'sendCertificate', to: from, certificate });
  if (proposal !== undefined) turn.effects.push({ kind: 'sendProposal', to: from, ...proposal });
};

/** The leader's stored proposal, for a peer in this view that has not voted for it. */
const proposalToRepeat = (state: CoreState, status: Status) => {
  if (leaderOf(state, state.current) !== state.config.self || status.view > state.current) return undefined;
  const own = state.views.get(state.current)?.ownSigned.find((vote) => vote.kind === 'notarize');
  const block = own === undefined ? undefined : state.blocks.get(own.hash);
  if (own === undefined || block === undefined) return undefined;
  if (status.votes.some((vote) => vote.kind === 'notarize' && vote.view === state.current)) return undefined;
  const { id, header, justification, system } = block;
  return { block: { id, header, justification, system }, signature: own.signature };
};

/** A peer still votes in a view that has ended: send it what ended the view. */
export const helpStraggler = (turn: Turn, view: View, from: MemberIndex): void => {
  const { state, now } = turn;
  if (view >= state.current) return;
  if (view + 1 === state.current && now.monotonicMs - state.enteredAtMs < repairMs(state)) return;
  const ended = state.views.get(view);
  const certificate =
    view <= state.finalized.view ? state.finalized.finalization : (ended?.notarization ?? ended?.nullification);
  if (certificate !== undefined && mayReply(turn, from))
    turn.effects.push({ kind: 'sendCertificate', to: from, certificate });
};
