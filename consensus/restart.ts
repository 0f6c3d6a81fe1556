/**
 * R13 Restart: all own votes first, then certificates and blocks; the own votes go back into the own tallies. A crash
 * can lose what was not synced, but a vote that was ever sent is in the log (D1), and so is what it relied on (D2).
 */
import type { BlockHash, View } from '../protocol/brand.ts';
import { blockId } from '../protocol/consensus/header.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { recordEpoch, type WalRecord } from '../protocol/consensus/wal-record.ts';
import { accusedBy, ruleOf } from '../protocol/consensus/evidence.ts';
import { type VoteStatement, ZERO_HASH } from '../protocol/consensus/vote.ts';
import { addBlock } from './blocks.ts';
import { REMEMBERED_VIEWS } from './constants.ts';
import { witnessEvidence } from './key-safety.ts';
import { type CoreConfig, type CoreState, type FinalPoint, initialState, viewOf } from './state.ts';
import { broadcastStatus } from './repair.ts';
import { heldCertificate, indexCertificate } from './tally.ts';
import type { Turn } from './turn.ts';

const restoreVote = (state: CoreState, vote: VoteStatement): void => {
  if (vote.view <= state.finalized.view) return;
  const { own } = viewOf(state, vote.view);
  if (vote.kind === 'notarize') own.notarize = vote.hash;
  else if (vote.kind === 'nullify') own.nullify = true;
  else own.finalize = vote.hash;
};

const restoreCertificate = (state: CoreState, certificate: Certificate): void => {
  const view = viewOf(state, certificate.view);
  if (heldCertificate(view, certificate.kind) === undefined) indexCertificate(state, view, certificate);
};

const restoreRecord = (state: CoreState, record: WalRecord): void => {
  switch (record.kind) {
    case 'vote':
      return;
    case 'certificate': {
      const { certificate } = record;
      if (certificate.view > state.finalized.view) restoreCertificate(state, certificate);
      return;
    }
    case 'block': {
      const { header, justification, system, body } = record;
      if (header.view <= state.finalized.view) return;
      const block = addBlock(
        state,
        { id: blockId(header), header, justification, system },
        body === undefined ? 'absent' : 'present',
        true,
      );
      block.recorded = true;
      return;
    }
    case 'evidence':
      state.evidence.set(`${accusedBy(record.evidence)}:${ruleOf(record.evidence)}`, record.evidence);
      return;
    case 'finalized':
      if (record.view > state.voteFloor) state.voteFloor = record.view;
      return;
    case 'closing':
      state.closingProof = record;
  }
};

/**
 * State of a core after a restart. `finalized` is the newest block of the durable ledger (or the epoch's base), whose
 * records the log may have dropped; its finalization may be that of a later block, where the ledger was cut in the
 * middle of a delivery. `records` are those of the log, of all epochs, in order; those of later epochs wait until these
 * are entered, so that no vote of ours is ever forgotten (D3). `recent`: ids of final blocks by height. Next input: `start`.
 */
export const restore = (
  config: CoreConfig,
  finalized: FinalPoint,
  records: readonly WalRecord[],
  recent: ReadonlyMap<number, BlockHash> = new Map(),
): CoreState => {
  const { epoch } = config.anchor;
  const later = records.filter((record) => recordEpoch(record) > epoch);
  const present = records.filter((record) => recordEpoch(record) === epoch);
  const { finalization } = finalized;
  const ownProof = finalization === undefined || finalization.hash === finalized.id;
  const known = { recent: new Map(recent).set(finalized.height, finalized.id), later };
  const state = initialState(config, ownProof ? finalized : { ...finalized, finalization: undefined }, known);
  if (!ownProof) indexCertificate(state, viewOf(state, finalization.view), finalization);
  for (const record of present) if (record.kind === 'vote') restoreVote(state, record.vote);
  for (const record of present) restoreRecord(state, record);
  state.current = (state.highestCertificate + 1) as View;
  return state;
};

/** First step: clocks start, restored votes are signed again for the own tally, STATUS asks for what is missing. */
export const start = (turn: Turn, quietMs: number): void => {
  const { state, now } = turn;
  if (state.started) return;
  state.started = true;
  state.enteredAtMs = now.monotonicMs;
  state.finalizedAtMs = now.monotonicMs;
  state.quietUntilMs = Math.max(state.quietUntilMs, now.monotonicMs + quietMs);
  state.listens ||= quietMs > 0;
  state.heardAtMs.fill(now.monotonicMs);
  for (const view of state.views.values()) {
    if (view.own.notarize !== undefined && view.view === state.current && view.proposal === undefined) {
      adoptProposal(state, view.own.notarize, view.view);
    }
    for (const vote of ownStatements(state, view.view)) {
      turn.effects.push({ kind: 'cast', vote, audience: 'none', proposal: undefined });
    }
  }
  for (const evidence of state.evidence.values()) witnessEvidence(turn, evidence);
  broadcastStatus(turn);
};

const adoptProposal = (state: CoreState, hash: VoteStatement['hash'], view: View): void => {
  if (state.blocks.has(hash)) viewOf(state, view).proposal = hash;
};

const ownStatements = (state: CoreState, number: View): VoteStatement[] => {
  const { own, nullification } = viewOf(state, number);
  const epoch = state.config.anchor.epoch;
  const statements: VoteStatement[] = [];
  if (own.notarize !== undefined) statements.push({ kind: 'notarize', epoch, view: number, hash: own.notarize });
  // Of views long skipped no votes are kept (`view-entry.ts`): after a long outage it would take long to sign them again.
  const longSkipped = nullification !== undefined && number < state.current - REMEMBERED_VIEWS;
  if (own.nullify && !longSkipped) statements.push({ kind: 'nullify', epoch, view: number, hash: ZERO_HASH });
  if (own.finalize !== undefined) statements.push({ kind: 'finalize', epoch, view: number, hash: own.finalize });
  return statements;
};
