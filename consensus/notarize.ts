/**
 * R4 Proposal in, R5 Notarise. The first proposal of a view is kept, a second one is evidence E1. The vote needs the
 * whole body; an own NULLIFY does not forbid it; what is missing is waited for, not voted against.
 */
import { addBlock, recordBlock } from './blocks.ts';
import { cast, mayVote } from './cast.ts';
import { detectInvalidBlock } from './evidence.ts';
import type { BodyState, CheckedProposal } from './input.ts';
import { witnessOwnVote } from './key-safety.ts';
import { deferBodyRequest } from './requests.ts';
import { leaderOf, viewOf } from './state.ts';
import { addCertificate, addVote, inWindow } from './tally.ts';
import type { Turn } from './turn.ts';
import { type Judgement, judge } from './validity.ts';

/** R4: feeds the justification to R1, tallies the leader's vote, keeps the first proposal of a view in the window. */
export const receiveProposal = (turn: Turn, proposal: CheckedProposal, body: BodyState): void => {
  const { state } = turn;
  const { header } = proposal;
  if (header.proposer !== leaderOf(state, header.view)) return;
  if (header.proposer === state.config.self) witnessOwnVote(turn, proposal.vote);
  for (const certificate of proposal.certificates) addCertificate(turn, certificate);
  if (!inWindow(state, header.view)) return;
  addVote(turn, proposal.vote);
  const view = viewOf(state, header.view);
  if (view.proposal !== undefined && view.proposal !== proposal.id) {
    view.equivocation = true;
    return;
  }
  view.proposal = proposal.id;
  const block = addBlock(state, proposal, body, proposal.sound);
  if (block.body === 'absent') deferBodyRequest(turn, block.id);
};

/** R5: casts NOTARIZE for the current view's proposal when it is valid and complete. Says how the block was judged. */
export const notarizeProposal = (turn: Turn): Judgement | undefined => {
  const { state } = turn;
  const view = viewOf(state, state.current);
  if (view.proposal === undefined || view.own.notarize !== undefined) return undefined;
  const block = state.blocks.get(view.proposal);
  if (block === undefined) return undefined;
  const judgement = judge(turn, block);
  if (judgement === 'invalid') detectInvalidBlock(turn, block);
  if (judgement !== 'valid' || !mayVote(state, turn)) return judgement;
  recordBlock(turn, block);
  cast(turn, 'notarize', state.current, block.id);
  return judgement;
};
