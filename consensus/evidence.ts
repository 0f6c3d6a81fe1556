/**
 * Evidence (consensus design §4). E1–E4: each verified vote is compared with the same signer's other votes of the view.
 * E5: every NOTARIZE vote for a block that breaks an objective rule. The first case a signer and rule is kept, recorded
 * and reported; memory is bounded by 5n.
 */
import { accusedBy, breaksObjectiveRule, brokenRule, type Evidence, ruleOf } from '../protocol/consensus/evidence.ts';
import { votesOf } from '../protocol/consensus/forensics.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import type { BlockState, ViewState } from './state.ts';
import { witnessEvidence } from './key-safety.ts';
import type { Turn } from './turn.ts';

/** Keeps evidence, once a signer and rule. */
export const keepEvidence = (turn: Turn, evidence: Evidence): void => {
  const key = `${accusedBy(evidence)}:${ruleOf(evidence)}`;
  if (turn.state.evidence.has(key)) return;
  turn.state.evidence.set(key, evidence);
  turn.records.push({ kind: 'evidence', evidence });
  turn.effects.push({ kind: 'evidence', evidence });
  witnessEvidence(turn, evidence);
};

const compare = (turn: Turn, earlier: Vote | undefined, vote: Vote): void => {
  if (earlier === undefined) return;
  const rule = brokenRule(earlier, vote);
  if (rule !== undefined) keepEvidence(turn, { kind: 'votes', rule, first: earlier, second: vote });
};

/** E5 against everybody whose vote for this block is held, its leader first of all. */
export const detectInvalidBlock = (turn: Turn, { id, header, justification }: BlockState): void => {
  const { state } = turn;
  const { anchor, verifySignature } = state.config;
  const parent = state.blocks.get(header.parentHash)?.header;
  if (!breaksObjectiveRule(anchor, { header, justification }, parent, verifySignature)) return;
  for (const vote of state.views.get(header.view)?.notarize ?? [])
    if (vote?.hash === id) keepEvidence(turn, { kind: 'block', vote, header, justification, parent });
};

/** The signer's NULLIFY out of the certificate, for a FINALIZE vote of a view whose votes were forgotten or never came. */
const nullifiedWith = ({ state }: Turn, { nullification }: ViewState, { kind, signer }: Vote): Vote | undefined =>
  kind !== 'finalize' || nullification === undefined
    ? undefined
    : votesOf(nullification, state.validators).find((vote) => vote.signer === signer);

/** Compares a vote with what its signer said before in the same view. */
export const detectEvidence = (turn: Turn, view: ViewState, vote: Vote): void => {
  compare(turn, view.notarize[vote.signer], vote);
  compare(turn, view.nullify[vote.signer] ?? nullifiedWith(turn, view, vote), vote);
  compare(turn, view.finalize[vote.signer], vote);
};
