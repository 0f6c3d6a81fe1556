/**
 * The core of agreement: Simplex with epochs (consensus design §2, §3). `step` is deterministic: no clock, I/O,
 * randomness, signing, logging or waiting. It changes the state that it owns in place and returns it, or, on
 * `enterEpoch`, the fresh state of the next epoch.
 *
 * One input at a time. Order inside a step: certificates (R1) → finality (R7) → view entry (R2) → votes (R6, R5, R3,
 * R8) → timers and repair (R9, R11). Effects: what must be durable first, everything else after it.
 *
 * - R1 Certificates: q equal votes, or a valid certificate of any view, are stored and recorded once (`tally`),
 *   and relayed by a few (`relay`).
 * - R2 Enter v + 1 on a certificate of v (`view-entry`).
 * - R3 Propose on the highest notarised block with nullifications in between (`propose`).
 * - R4 A proposal's justification feeds R1; the first proposal a view is kept (`notarize`).
 * - R5 Notarise the valid, complete proposal of the current view (`notarize`, `validity`).
 * - R6 Finalise what is notarised and was not skipped by us (`finalize`).
 * - R7 Commit on finalization, deliver in height order (`commit`).
 * - R8 Nullify on timeout, invalid block, equivocation, f + 1 others, silent leader, failed build (`nullify`).
 * - R9 Timer counted from the last finalised view (`timer`).  R10 Work (`work`).  R11 Repair by pull (`repair`).
 * - R12 A peer's proof ends an epoch that we missed the end of (`learn`). R13 Restart from the log (`restart`).
 * - R14 Epoch switch, an event of its own (`epoch`).
 */
import { assertNever, type MemberIndex } from '../protocol/brand.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import { setBody } from './blocks.ts';
import { commit, deliverReady } from './commit.ts';
import type { Effect } from './effect.ts';
import { nextEpoch } from './epoch.ts';
import { keepEvidence } from './evidence.ts';
import { finalizeNotarized } from './finalize.ts';
import { eventEpoch, type Input } from './input.ts';
import { receiveBlocks, receiveCertificates, receiveClosing } from './learn.ts';
import { notarizeProposal, receiveProposal } from './notarize.ts';
import { nullifyCurrent } from './nullify.ts';
import { propose, receivePayload } from './propose.ts';
import { helpStraggler, receiveStatus, tendRepair } from './repair.ts';
import { renewRequest } from './requests.ts';
import { start } from './restart.ts';
import { endListening, haltForKey, witnessOwnVote } from './key-safety.ts';
import type { CoreState } from './state.ts';
import { addCertificate, addVote } from './tally.ts';
import { scheduleWake, tendViewTimer } from './timer.ts';
import { effectsOf, newTurn, type Turn } from './turn.ts';
import { enterViews } from './view-entry.ts';

/** State after an input, and what the driver has to do, in order. */
export interface Step {
  readonly state: CoreState;
  readonly effects: readonly Effect[];
}

const hear = (turn: Turn, from: MemberIndex | undefined): void => {
  if (from !== undefined) turn.state.heardAtMs[from] = turn.now.monotonicMs;
};

const receiveVote = (turn: Turn, vote: Vote, from: MemberIndex): void => {
  if (vote.signer === turn.state.config.self) return witnessOwnVote(turn, vote);
  addVote(turn, vote);
  if (vote.kind !== 'finalize') helpStraggler(turn, vote.view, from);
};

const receiveOwnVote = (turn: Turn, vote: Vote): void => {
  if (addVote(turn, vote)) turn.state.views.get(vote.view)?.ownSigned.push(vote);
};

/** Whether an event was checked against another epoch: it may have waited while the epochs changed. */
const isOfOtherEpoch = (state: CoreState, input: Input): boolean => {
  const epoch = eventEpoch(input);
  return epoch !== undefined && epoch !== state.config.anchor.epoch;
};

const take = (turn: Turn, input: Input): void => {
  const { state } = turn;
  if (isOfOtherEpoch(state, input)) return;
  switch (input.kind) {
    case 'start':
      return start(turn, input.quietMs);
    case 'wake':
      state.wakeAtMs = undefined;
      return;
    case 'roundTrip':
      state.roundTripMs = input.roundTripMs;
      return;
    case 'mempool':
      state.mempoolPending = input.pending;
      return;
    case 'proposal':
      hear(turn, input.from);
      receiveProposal(turn, input.proposal, input.body);
      return helpStraggler(turn, input.proposal.header.view, input.from);
    case 'vote':
      hear(turn, input.from);
      return receiveVote(turn, input.vote, input.from);
    case 'ownVote':
      return receiveOwnVote(turn, input.vote);
    case 'certificate':
      hear(turn, input.from);
      addCertificate(turn, input.certificate);
      return;
    case 'certificates':
      hear(turn, input.from);
      return receiveCertificates(turn, input.certificates);
    case 'status':
      hear(turn, input.from);
      return receiveStatus(turn, input.status, input.from);
    case 'blocks':
      hear(turn, input.from);
      return receiveBlocks(turn, input.blocks, input.finalization, input.from);
    case 'unanswered':
      return renewRequest(state, input.request);
    case 'closing':
      hear(turn, input.from);
      return receiveClosing(turn, input);
    case 'enterEpoch':
      return start(turn, 0);
    case 'body': {
      const block = state.blocks.get(input.block);
      return block === undefined ? undefined : setBody(state, block, input.body);
    }
    case 'built':
      return receivePayload(turn, input.view, input.parent, input.payload);
    case 'resultCertificate': {
      const fact = input.verdict === 'invalid' ? input.verdict : { height: input.height, root: input.root };
      state.stateCerts.set(input.certHash, fact);
      return;
    }
    case 'evidence':
      return keepEvidence(turn, input.evidence);
    case 'twin':
      return haltForKey(turn, undefined);
    default:
      return assertNever(input);
  }
};

/** Takes one input. The returned state is the given one, changed, or that of the next epoch. */
export const step = (before: CoreState, input: Input): Step => {
  const state = input.kind === 'enterEpoch' ? nextEpoch(before, input.self) : before;
  const turn = newTurn(state, input.now);
  if (state.retryAtMs !== undefined && state.retryAtMs <= input.now.monotonicMs) state.retryAtMs = undefined;
  take(turn, input);
  if (state.started) {
    commit(turn);
    deliverReady(turn);
    endListening(state);
    enterViews(turn);
    finalizeNotarized(turn);
    const judgement = notarizeProposal(turn);
    propose(turn);
    tendViewTimer(turn);
    nullifyCurrent(turn, judgement);
    tendRepair(turn);
    scheduleWake(turn);
  }
  return { state, effects: effectsOf(turn) };
};
