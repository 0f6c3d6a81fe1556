/**
 * Evidence E1–E4: each verified vote is compared with the same signer's other votes of the view (consensus design §4).
 * The first case a signer and rule is kept, recorded and reported; memory is bounded by 4n.
 */
import type { Evidence } from '../protocol/consensus/evidence.ts';
import { brokenRule } from '../protocol/consensus/evidence.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import { haltForKey } from './key-safety.ts';
import type { ViewState } from './state.ts';
import type { Turn } from './turn.ts';

/** Keeps evidence, once a signer and rule. */
export const keepEvidence = (turn: Turn, evidence: Evidence): void => {
  const key = `${evidence.first.signer}:${evidence.rule}`;
  if (turn.state.evidence.has(key)) return;
  turn.state.evidence.set(key, evidence);
  turn.records.push({ kind: 'evidence', evidence });
  turn.effects.push({ kind: 'evidence', evidence });
  // This core never signs both: another process does, or did, with our key.
  if (evidence.first.signer === turn.state.config.self) haltForKey(turn, evidence.second);
};

const compare = (turn: Turn, earlier: Vote | undefined, vote: Vote): void => {
  if (earlier === undefined) return;
  const rule = brokenRule(earlier, vote);
  if (rule !== undefined) keepEvidence(turn, { rule, first: earlier, second: vote });
};

/** Compares a vote with what its signer said before in the same view. */
export const detectEvidence = (turn: Turn, view: ViewState, vote: Vote): void => {
  compare(turn, view.notarize[vote.signer], vote);
  compare(turn, view.nullify[vote.signer], vote);
  compare(turn, view.finalize[vote.signer], vote);
};
