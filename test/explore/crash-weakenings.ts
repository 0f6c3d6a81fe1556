/**
 * Planted changes of durability and recovery (consensus design §2.8, §5.5): which rule keeps the network alive after a
 * loss of all power, and which are there for another reason.
 */
import type { Vote } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Hooks } from '../sim/sim-node.ts';
import type { CrashWeakening } from './crash-space.ts';

/** A weakening and what comes of it. */
export interface PlantedCrashWeakening {
  readonly name: string;
  readonly weakening: CrashWeakening;
  readonly leadsTo: 'dead' | 'violation' | 'nothing';
  /** Number of dead crash states by votes, where the design gives it. */
  readonly deadVoteStates?: number;
  /** Only for the long run. */
  readonly deep?: boolean;
}

type Log = readonly WalRecord[];

const isVote = (record: WalRecord, kind: Vote['kind'], view: number): boolean =>
  record.kind === 'vote' && record.vote.kind === kind && record.vote.view === view;

const withoutCertificates = (log: Log): Log => log.filter(({ kind }) => kind !== 'certificate');

/** The log without NOTARIZE votes that follow a NULLIFY vote of the same view. */
const withoutLateNotarize = (log: Log): Log =>
  log.filter((record, position) => {
    if (record.kind !== 'vote' || record.vote.kind !== 'notarize') return true;
    const { view } = record.vote;
    return !log.slice(0, position).some((earlier) => isVote(earlier, 'nullify', view));
  });

const swallowLateNotarize: Hooks = {
  effect: (node, effect) => {
    if (effect.kind !== 'cast' || effect.vote.kind !== 'notarize') return false;
    const { view } = effect.vote;
    return !withoutLateNotarize(node.disk.log).some((record) => isVote(record, 'notarize', view));
  },
};

const notTalliedAgain: Hooks = { effect: (_node, effect) => effect.kind === 'cast' && effect.audience === 'none' };

/** All planted weakenings. */
export const crashWeakenings: readonly PlantedCrashWeakening[] = [
  {
    name: 'certificate not durable before FINALIZE (D2)',
    weakening: { kept: withoutCertificates },
    leadsTo: 'dead',
  },
  {
    name: 'no D2, no NOTARIZE after NULLIFY (R5); block remains',
    weakening: {
      written: withoutLateNotarize,
      kept: withoutCertificates,
      mutant: swallowLateNotarize,
      blockRemains: true,
    },
    leadsTo: 'dead',
    deadVoteStates: 15,
  },
  { name: 'own votes not tallied again (R13)', weakening: { mutant: notTalliedAgain }, leadsTo: 'dead' },
  { name: 'votes sent before durable (D1)', weakening: { hasty: true }, leadsTo: 'violation' },
  {
    name: 'no D2; block remains',
    weakening: { kept: withoutCertificates, blockRemains: true },
    leadsTo: 'nothing',
    deep: true,
  },
  {
    name: 'no NOTARIZE after NULLIFY (R5)',
    weakening: { written: withoutLateNotarize, mutant: swallowLateNotarize },
    leadsTo: 'nothing',
    deep: true,
  },
];
