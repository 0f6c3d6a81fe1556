/** The situations that are measured, each as one function from nothing to numbers. All but CPU repeats exactly. */
import { encode } from '../../protocol/codec.ts';
import { finalityProofCodec } from '../../protocol/consensus/finality-proof.ts';
import { blockCodec } from '../../protocol/consensus/block.ts';
import { walRecordCodec } from '../../protocol/consensus/wal-record.ts';
import { percentile } from '../../scripts/bench/statistics.ts';
import { simulate } from '../sim/simulate.ts';
import { MeasuredWorld, type Setting, type Traffic } from './measured-world.ts';
import { worldDelayMs } from './regions.ts';
import { type StepCost, stepCostOf } from './step-cost.ts';

/** Blocks at the start that no figure counts: the first view has no certificate to wait for. */
const WARM_UP = 4;
const MINUTE_MS = 60_000;

/** Intervals between proposals and times to finality, sorted, in ms. */
export interface Pace {
  readonly intervals: readonly number[];
  readonly finality: readonly number[];
}

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

const paceOf = ({ proposedMs, finality }: MeasuredWorld): Pace => {
  const counted = [...proposedMs].slice(WARM_UP);
  const blocks = new Set(counted.map(([block]) => block));
  const intervals = counted.slice(1).map(([, atMs], index) => atMs - (counted[index]?.[1] ?? 0));
  return {
    intervals: sorted(intervals),
    finality: sorted(finality.flatMap(({ block, ms }) => (blocks.has(block) ? [ms] : []))),
  };
};

const run = (setting: Setting, heights: number): MeasuredWorld => {
  const world = new MeasuredWorld(setting);
  world.start();
  world.runUntil(() => world.height >= heights);
  return world;
};

/** Four validators, every link of the same delay, no faults. */
export const evenLinks = (delayMs: number, heights = 60): Pace =>
  paceOf(run({ validators: 4, delayMs: () => delayMs, transactionEveryMs: delayMs / 4 }, heights));

/** Validators all over the world. */
export interface WorldFigures extends Pace {
  readonly validators: number;
  readonly heights: number;
  /** Sent by one validator in one view, on average. */
  readonly sent: ReadonlyMap<string, Traffic>;
  readonly cost: StepCost;
}

const share = ({ messages, bytes }: Traffic, by: number): Traffic => ({ messages: messages / by, bytes: bytes / by });

/** n validators in ten regions, without faults. */
export const aroundTheWorld = (validators: number, heights: number): WorldFigures => {
  const world = run({ validators, delayMs: worldDelayMs, transactionEveryMs: 100 }, heights);
  const sent = new Map([...world.traffic].map(([kind, traffic]) => [kind, share(traffic, validators * world.view)]));
  return { validators, heights, sent, cost: stepCostOf(world), ...paceOf(world) };
};

/** Progress of four validators in a span of time. */
export interface Progress {
  readonly seconds: number;
  readonly heights: number;
  readonly views: number;
}

/** One of four validators down or not: what is final in the first seconds, and in as many once silence is noticed. */
export const withCrashed = (crashed: readonly number[], delayMs: number, seconds: number): [Progress, Progress] => {
  const world = new MeasuredWorld({ validators: 4, delayMs: () => delayMs, transactionEveryMs: delayMs, crashed });
  world.start();
  const span = (): Progress => {
    const { height, view } = world;
    const untilMs = world.agenda.nowMs + seconds * 1_000;
    world.runUntil(() => false, untilMs);
    return { seconds, heights: world.height - height, views: world.view - view };
  };
  const first = span();
  world.runUntil(() => false, world.agenda.nowMs + 15_000);
  return [first, span()];
};

/** What an idle network of four does in a minute. */
export interface IdleFigures {
  readonly sent: ReadonlyMap<string, Traffic>;
  /** Blocks that came to be: heartbeats. */
  readonly heights: number;
  /** Bytes that one validator writes to its log, and adds to its ledger. */
  readonly logBytes: number;
  readonly ledgerBytes: number;
}

/** Four validators without transactions: one validator's mean over ten minutes. */
export const idle = (): IdleFigures => {
  const minutes = 10;
  const world = new MeasuredWorld({ validators: 4, delayMs: () => 50 });
  world.start();
  world.runUntil(() => false, MINUTE_MS);
  world.traffic.clear();
  const [first] = world.honest();
  const records = first?.disk.log.length ?? 0;
  const { height } = world;
  world.runUntil(() => false, (1 + minutes) * MINUTE_MS);
  const sent = new Map([...world.traffic].map(([kind, traffic]) => [kind, share(traffic, 4 * minutes)]));
  const written = (first?.disk.log ?? []).slice(records).map((record) => encode(walRecordCodec, record).length);
  const added = (first?.disk.ledger ?? [])
    .slice(height)
    .map(
      ({ block, following, finalization }) =>
        encode(blockCodec, { ...block, body: undefined }).length +
        encode(finalityProofCodec, { following, finalization }).length,
    );
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    sent,
    heights: (world.height - height) / minutes,
    logBytes: sum(written) / minutes,
    ledgerBytes: sum(added) / minutes,
  };
};

/** Time from the return of synchrony until three more heights are final everywhere, in units of T0, sorted. */
export const afterHealing = (seeds: number): number[] =>
  sorted(Array.from({ length: seeds }, (_, index) => simulate(10_000 + index, 4).recoveryMs / 300));

/** p50 and p99 of sorted or unsorted values. */
export const middleAndTail = (values: readonly number[]): readonly [number, number] => [
  percentile(values, 0.5),
  percentile(values, 0.99),
];
