/**
 * The one-view crash-recovery space (consensus design §2.8). Four validators; the leader of view 1 is Byzantine, shows
 * its block to whom it likes and votes as it likes. At any moment all power is lost; from then on the Byzantine one is
 * silent. A crash state is dead if the other three, a bare quorum, never come to a block again.
 *
 * No model of crashes or of recovery stands here: the logs are what real cores write when the occasions of a view come
 * in any order, cut after any record; and real cores start from them on a network without faults.
 */
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { VoteKind, VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Event } from '../../consensus/input.ts';
import { Violation } from '../sim/checks.ts';
import { fakeAnchor } from '../sim/fake-crypto.ts';
import type { Scenario } from '../sim/scenario.ts';
import type { Hooks } from '../sim/sim-node.ts';
import { World } from '../sim/world.ts';
import { arrangements } from '../support/combinatorics.ts';
import { blockOn, certificate, leaderAt, proposalEvent, Rig, voteBy } from '../unit/consensus/harness.ts';

type Log = readonly WalRecord[];

/** A planted change of what is written, read again, sent, or done after the restart. */
export interface CrashWeakening {
  /** What of its records a validator writes and acts on. */
  readonly written?: (log: Log) => Log;
  /** What of the durable records is read again. */
  readonly kept?: (log: Log) => Log;
  /** Votes are sent before they are durable. */
  readonly hasty?: boolean;
  /** How validators deviate after the restart. */
  readonly mutant?: Hooks;
  /** After the restart the block is shown to all once more, without the vote of its leader counting. */
  readonly blockRemains?: boolean;
}

/** What can come to a validator in the view: a block, the end of its patience, a certificate of a kind. */
export type Occasion = 'block' | 'other block' | 'timeout' | VoteKind;

/** The occasions of §2.8: one block, and nobody knows that the view has ended in another way. */
export const OCCASIONS: readonly Occasion[] = ['block', 'timeout', 'notarize'];

/** Result for one set of rules. */
export interface CrashSpace {
  /** Reachable crash states: what is durable at each of the honest validators. */
  readonly states: number;
  /** Reachable crash states by durable votes alone. */
  readonly voteStates: number;
  readonly deadStates: number;
  readonly deadVoteStates: number;
  /** States after which a property is broken, as by a validator that contradicts a vote it had sent (P6). */
  readonly violations: number;
  readonly worstRecoveryMs: number;
  /** The first bad state, by the records of each honest validator, and what went wrong. */
  readonly example: string | undefined;
}

/** One validator at the power loss: what it had done, as records, and which of these are durable. */
interface Remains {
  readonly done: Log;
  readonly log: Log;
  readonly name: string;
}

const VALIDATORS = 4;
const LIAR = leaderAt(VALIDATORS, 1);
const HONEST = [0, 1, 2, 3].filter((validator) => validator !== LIAR);
/** Honest votes that make a certificate together with the Byzantine one's. */
const NEEDED = fakeAnchor(VALIDATORS).quorum - 1;
const BLOCK = blockOn(VALIDATORS, fakeAnchor(VALIDATORS).base, 1);
const OTHER = blockOn(VALIDATORS, fakeAnchor(VALIDATORS).base, 1, { transactions: 2 });
/** Six view timeouts; what a stuck view does not do after its timer it never does. */
const DEAD_AFTER_MS = 6_000;
const DEAD = 'dead';

const certificateArrives = (kind: VoteKind) => (rig: Rig) =>
  rig.certificate(certificate(VALIDATORS, kind, 1, kind === 'nullify' ? undefined : BLOCK.id));

const happen: Readonly<Record<Occasion, (rig: Rig) => unknown>> = {
  block: (rig) => rig.give(proposalEvent(BLOCK)),
  'other block': (rig) => rig.give(proposalEvent(OTHER)),
  timeout: (rig) => {
    if (rig.core.current !== 1) return;
    rig.give({ kind: 'mempool', pending: true });
    rig.pass(1_100);
  },
  notarize: certificateArrives('notarize'),
  nullify: certificateArrives('nullify'),
  finalize: certificateArrives('finalize'),
};

const votesIn = (log: Log): VoteStatement[] => log.flatMap((record) => (record.kind === 'vote' ? [record.vote] : []));
const certificatesIn = (log: Log): Certificate[] =>
  log.flatMap((record) => (record.kind === 'certificate' ? [record.certificate] : []));

const voteName = ({ kind, hash }: VoteStatement): string => (hash === OTHER.id ? `${kind} other` : kind);
const recordName = (record: WalRecord): string => {
  if (record.kind === 'vote') return voteName(record.vote);
  if (record.kind === 'certificate') return `${record.certificate.kind}-certificate`;
  return record.kind === 'block' && record.header.txCount === OTHER.header.txCount ? 'other block' : record.kind;
};
const logName = (log: Log): string => (log.length === 0 ? 'nothing' : log.map(recordName).join(', '));

/** Everything that a power loss may leave of one validator. */
const remainsOf = (validator: number, occasions: readonly Occasion[], weakening: CrashWeakening): Remains[] => {
  const found = new Map<string, Remains>();
  for (const order of arrangements(occasions)) {
    const rig = new Rig(VALIDATORS, validator);
    for (const occasion of order) happen[occasion](rig);
    const written = weakening.written?.(rig.log) ?? rig.log;
    for (let length = 0; length <= written.length; length += 1) {
      const log = written.slice(0, length);
      const done = weakening.hasty === true ? written : log;
      const name = done === log ? logName(log) : `${logName(log)} out of ${logName(done)}`;
      found.set(name, { done, log, name });
    }
  }
  return [...found.values()];
};

/** A certificate was seen only where enough votes were sent; the Byzantine validator adds its own. */
const possible = (remains: readonly Remains[]): boolean =>
  remains
    .flatMap(({ done }) => certificatesIn(done))
    .every(({ kind, hash }) => {
      const voters = remains.filter(({ done }) =>
        votesIn(done).some((vote) => vote.kind === kind && vote.hash === hash),
      );
      return voters.length >= NEEDED;
    });

const together = (each: readonly (readonly Remains[])[]): Remains[][] =>
  each.reduce<Remains[][]>((known, some) => known.flatMap((few) => some.map((one) => [...few, one])), [[]]);

const scenario: Scenario = {
  seed: 1,
  validators: VALIDATORS,
  liars: new Map([[LIAR, 'silent']]),
  dropBeforeGst: 0,
  duplicate: 0,
  maxDelayBeforeGstMs: 20,
  maxDelayMs: 20,
  gstMs: 0,
  partitions: [],
  crashes: [],
  baseTimeoutMs: 1_000,
  compactBodies: 0,
  clockSkewMs: 0,
  spares: 0,
  changesAtMs: [],
};

/** The proposal with its vote moved to a view where no vote is counted. */
const bareProposal = (): Event => {
  const event = proposalEvent(BLOCK);
  if (event.kind !== 'proposal') return event;
  const vote = { ...event.proposal.vote, view: fakeAnchor(VALIDATORS).base.view };
  return { ...event, proposal: { ...event.proposal, vote } };
};

/** Starts the honest validators from what is left; returns when all had delivered a block, or what went wrong. */
const recover = (remains: readonly Remains[], weakening: CrashWeakening): number | string => {
  const world = new World(scenario, fakeAnchor(VALIDATORS), weakening.mutant);
  const nodes = world.honest();
  try {
    nodes.forEach((node, position) => {
      const { log, done } = remains[position] as Remains;
      const { machine, disk } = node;
      for (const { kind, view, hash } of votesIn(done))
        world.checks.vote(voteBy(machine, kind, view, hash), machine, true);
      for (const held of certificatesIn(done)) world.checks.certificate(held);
      for (const record of log) if (record.kind === 'block') node.bodies.add(world.idOf(record.header));
      disk.log.push(...(weakening.kept?.(log) ?? log));
      disk.synced(disk.log.length);
      node.boot();
      if (weakening.blockRemains === true) node.input(bareProposal());
    });
    world.offerTransaction();
    while (nodes.some((node) => node.disk.ledger.length === 0)) if (!world.agenda.runNext(DEAD_AFTER_MS)) return DEAD;
    return world.agenda.nowMs;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return error.message;
  }
};

/** Goes through all crash states, or as far as the first bad one. */
export const exploreCrashes = (
  occasions: readonly Occasion[],
  weakening: CrashWeakening = {},
  upTo: 'all' | 'first' = 'all',
): CrashSpace => {
  const each = HONEST.map((validator) => remainsOf(validator, occasions, weakening));
  const voteStates = new Set<string>();
  const deadVoteStates = new Set<string>();
  let states = 0;
  let deadStates = 0;
  let violations = 0;
  let worstRecoveryMs = 0;
  let example: string | undefined;
  for (const remains of together(each).filter(possible)) {
    const votes = remains.map(({ log }) => votesIn(log).map(voteName).sort().join(' ')).join();
    const outcome = recover(remains, weakening);
    states += 1;
    voteStates.add(votes);
    if (typeof outcome === 'number') {
      worstRecoveryMs = Math.max(worstRecoveryMs, outcome);
      continue;
    }
    if (outcome === DEAD) deadStates += 1;
    else violations += 1;
    if (outcome === DEAD) deadVoteStates.add(votes);
    example ??= `${outcome}: ${remains.map(({ name }, i) => `validator ${HONEST[i]} has ${name}`).join('; ')}`;
    if (upTo === 'first') break;
  }
  return {
    states,
    voteStates: voteStates.size,
    deadStates,
    deadVoteStates: deadVoteStates.size,
    violations,
    worstRecoveryMs,
    example,
  };
};
