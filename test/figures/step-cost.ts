/**
 * CPU time of one validator: what it took in during a simulation goes once more through the product's gate and core.
 * Signatures are counted, not checked, as the product's memory of genuine signatures would let them through to Ed25519.
 */
import type { Verified } from '../../protocol/brand.ts';
import type { VerifySignature } from '../../protocol/consensus/certificate.ts';
import type { Proposal } from '../../protocol/consensus/block.ts';
import type { Event } from '../../consensus/input.ts';
import { isRelevant } from '../../consensus/query.ts';
import { restore } from '../../consensus/restart.ts';
import { basePoint } from '../../consensus/state.ts';
import { step } from '../../consensus/step.ts';
import { type Verifier, verifyCertificate, verifyProposal, verifyStatus, verifyVote } from '../../consensus/verify.ts';
import { rememberingVerifier } from '../../node/signature-memory.ts';
import { fakeGovernance, fakeVerify, GENESIS_MS } from '../sim/fake-crypto.ts';
import { type MeasuredWorld, OBSERVED } from './measured-world.ts';

/** As in `node/consensus-inbox.ts`. */
const REMEMBERED_SIGNATURES = 4_096;
const PASSES = 3;

/** What one validator does for one view. */
export interface StepCost {
  /** CPU of gate and core without Ed25519, µs. */
  readonly stepMicros: number;
  readonly verified: number;
  readonly signed: number;
}

const check = (verifier: Verifier, event: Event): void => {
  const { state } = verifier;
  if (state === undefined) return;
  if (event.kind === 'vote' && isRelevant(state, event.vote.view)) verifyVote(verifier, event.vote);
  if (event.kind === 'certificate' && event.certificate.view > state.finalized.view)
    verifyCertificate(verifier, event.certificate);
  if (event.kind === 'status') verifyStatus(verifier, event.status, event.from);
  if (event.kind === 'proposal' && isRelevant(state, event.proposal.header.view)) {
    const { header, justification, system, vote } = event.proposal;
    const proposal: Verified<Proposal> = {
      header,
      justification,
      system,
      signature: vote.signature,
      body: { kind: 'compact', transactionIds: [] },
      resultCertificate: undefined,
    } as unknown as Verified<Proposal>;
    verifyProposal(verifier, proposal);
  }
};

const replay = ({ anchor, taken, nodes }: MeasuredWorld): StepCost => {
  const self = nodes[OBSERVED]?.[0]?.selfIn(anchor);
  const config = { anchor, self, governance: fakeGovernance, verifySignature: fakeVerify };
  let state = restore(config, basePoint(anchor), []);
  let verified = 0;
  let signed = 0;
  const count: VerifySignature = () => {
    verified += 1;
    return true;
  };
  const verifySignature = rememberingVerifier(count, REMEMBERED_SIGNATURES);
  const before = process.cpuUsage();
  for (const { atMs, event } of taken) {
    check({ set: anchor, verifySignature, state }, event);
    const now = { monotonicMs: atMs + 1_000, wallMs: GENESIS_MS + 1_000 + Math.floor(atMs) };
    const taking = step(state, { now, ...event });
    state = taking.state;
    for (const { kind } of taking.effects) if (kind === 'cast') signed += 1;
  }
  const { user, system } = process.cpuUsage(before);
  const views = state.current;
  return { stepMicros: (user + system) / views, verified: verified / views, signed: signed / views };
};

/** The cost of a view at the observed validator: the cheapest of a few passes, since other work can only add. */
export const stepCostOf = (world: MeasuredWorld): StepCost => {
  const passes = Array.from({ length: PASSES }, () => replay(world));
  const [first] = passes.sort((a, b) => a.stepMicros - b.stepMicros);
  return first as StepCost;
};
