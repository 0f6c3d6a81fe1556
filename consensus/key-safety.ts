/**
 * Key safety (consensus design §2.8): a genuine signature of our own key under a vote that this core did not cast means
 * that the key runs elsewhere, or that our log is older than what the key has signed. The core then never votes again.
 *
 * Own votes are remembered above the finalised view and above the floor of the log; about views below nothing can be
 * said, and nothing needs to be: no vote is cast there any more.
 *
 * After a start the first vote waits until q − 1 others have told their STATUS (a peer hands us our own open votes
 * before it) and until we have fetched all that at least one honest of them held final: a log that was put back shows
 * in the certificates of that stretch, before it can do harm.
 */
import type { MemberIndex, View } from '../protocol/brand.ts';
import { hasSigner } from '../protocol/bitmap.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { accusedBy, type Evidence } from '../protocol/consensus/evidence.ts';
import type { VoteStatement } from '../protocol/consensus/vote.ts';
import type { CoreState } from './state.ts';
import type { Turn } from './turn.ts';

/** Stops voting for good because our key is used elsewhere; `vote` is what it signed there, if that is how we know. */
export const haltForKey = (turn: Turn, vote: VoteStatement | undefined): void => {
  if (turn.state.halted) return;
  turn.state.halted = true;
  turn.effects.push({ kind: 'halt', code: 'KEY_USED_TWICE', vote });
};

const isRemembered = (state: CoreState, vote: VoteStatement): boolean => {
  const own = state.views.get(vote.view)?.own;
  return own !== undefined && (vote.kind === 'nullify' ? own.nullify : own[vote.kind] === vote.hash);
};

/** Takes note of a vote that our key signed, wherever it was found. */
export const witnessOwnVote = (turn: Turn, vote: VoteStatement): void => {
  const { state } = turn;
  if (vote.epoch !== state.config.anchor.epoch) return;
  if (vote.view <= Math.max(state.finalized.view, state.voteFloor) || isRemembered(state, vote)) return;
  haltForKey(turn, vote);
};

/** Looks for our own signature in a certificate whose signatures are genuine. */
export const witnessCertificate = (turn: Turn, certificate: Certificate): void => {
  const { self } = turn.state.config;
  if (self !== undefined && hasSigner(certificate.bitmap, self)) witnessOwnVote(turn, certificate);
};

/** Looks for our own key among the accused: this core breaks no rule, so another process does, or did, with our key. */
export const witnessEvidence = (turn: Turn, evidence: Evidence): void => {
  if (accusedBy(evidence) === turn.state.config.self)
    haltForKey(turn, evidence.kind === 'votes' ? evidence.second : evidence.vote);
};

/** Notes the finalised view that a validator told first since the start. */
export const noteTold = (state: CoreState, member: MemberIndex, view: View): void => {
  if (member < state.validators && !state.toldFinal.has(member)) state.toldFinal.set(member, view);
};

/** Ends the wait for the first vote. Of q − 1 claims at most f are lies, so the (f + 1)-th highest is no more than true. */
export const endListening = (state: CoreState): void => {
  if (!state.listens || state.toldFinal.size + 1 < state.quorum) return;
  const claims = [...state.toldFinal.values()].sort((a, b) => b - a);
  state.listens = state.finalized.view < (claims[state.faults] ?? 0);
};
