/** What a seed stands for: size, faults, network, and who lies. Drawn once, so that a seed replays bit by bit. */
import { faultBound } from '../../protocol/genesis.ts';
import { type Random, randomOf } from './random.ts';

/** How a Byzantine validator lies. */
export type Lie = 'silent' | 'twins' | 'chaos' | 'equivocate' | 'unjustified' | 'withhold' | 'badBody' | 'wrongEpoch';

/** All ways to lie. */
export const LIES: readonly Lie[] = [
  'silent',
  'twins',
  'chaos',
  'equivocate',
  'unjustified',
  'withhold',
  'badBody',
  'wrongEpoch',
];

/** A time span without connection between the sides; bit i of `side` says where validator i is. */
export interface Partition {
  readonly fromMs: number;
  readonly toMs: number;
  readonly side: number;
}

/** A crash of one validator, or of all. */
export interface Crash {
  readonly atMs: number;
  readonly backAtMs: number;
  readonly victims: readonly number[];
  /** Effects that are still done after `atMs`, so that a crash falls between any two; undefined: at once. */
  readonly afterEffects: number | undefined;
}

/** A machine whose messages take longer than the others', up to beyond the timers, until GST. */
export interface SlowMachine {
  readonly machine: number;
  readonly extraMs: number;
}

/** A time in which a machine's log cannot grow: the node ends at its next record and comes back when there is room. */
export interface FullDisk {
  readonly machine: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Everything that is drawn from a seed. */
export interface Scenario {
  readonly seed: number;
  readonly validators: number;
  readonly liars: ReadonlyMap<number, Lie>;
  readonly dropBeforeGst: number;
  readonly duplicate: number;
  readonly maxDelayBeforeGstMs: number;
  readonly maxDelayMs: number;
  readonly gstMs: number;
  readonly partitions: readonly Partition[];
  readonly crashes: readonly Crash[];
  readonly slowMachines: readonly SlowMachine[];
  readonly fullDisks: readonly FullDisk[];
  readonly baseTimeoutMs: number;
  readonly compactBodies: number;
  /** Largest distance of a clock from true time. */
  readonly clockSkewMs: number;
  /** Machines that watch at first and may become validators. */
  readonly spares: number;
  /** When a change of the configuration is proposed. */
  readonly changesAtMs: readonly number[];
}

/** A scenario without any fault: a network that is whole from the start. */
export const calm = (seed: number, validators: number): Scenario => ({
  seed,
  validators,
  liars: new Map(),
  dropBeforeGst: 0,
  duplicate: 0,
  maxDelayBeforeGstMs: 50,
  maxDelayMs: 50,
  gstMs: 0,
  partitions: [],
  crashes: [],
  slowMachines: [],
  fullDisks: [],
  baseTimeoutMs: 300,
  compactBodies: 0,
  clockSkewMs: 0,
  spares: 0,
  changesAtMs: [],
});

const drawCrashes = (validators: number, gstMs: number, random: Random): Crash[] => {
  const crashes: Crash[] = [];
  const count = random.below(5);
  for (let i = 0; i < count; i += 1) {
    const atMs = random.between(0, gstMs);
    const victims = random.chance(0.25) ? Array.from({ length: validators }, (_, v) => v) : [random.below(validators)];
    const afterEffects = random.chance(0.5) ? random.below(12) : undefined;
    crashes.push({ atMs, backAtMs: Math.min(gstMs, atMs + random.between(1, 800)), victims, afterEffects });
  }
  return crashes;
};

const drawSlowMachines = (validators: number, random: Random): SlowMachine[] =>
  random.chance(0.2) ? [{ machine: random.below(validators), extraMs: random.between(100, 1_500) }] : [];

const drawFullDisks = (validators: number, gstMs: number, random: Random): FullDisk[] => {
  if (!random.chance(0.15)) return [];
  const fromMs = random.between(0, gstMs);
  return [{ machine: random.below(validators), fromMs, toMs: Math.min(gstMs, fromMs + random.between(50, 600)) }];
};

/** In half of the seeds the validators change, up to a while after synchrony returned; otherwise one observer watches. */
const drawMembership = (gstMs: number, random: Random): Pick<Scenario, 'spares' | 'changesAtMs'> => {
  if (random.chance(0.5)) return { spares: random.below(2), changesAtMs: [] };
  const changesAtMs = Array.from({ length: 1 + random.below(4) }, () => random.between(50, gstMs + 600));
  return { spares: 1 + random.below(3), changesAtMs };
};

/** The scenario of a seed for n validators. */
export const scenarioOf = (seed: number, validators: number): Scenario => {
  const random = randomOf(seed);
  const liars = new Map<number, Lie>();
  const liarCount = random.chance(0.8) ? 1 + random.below(faultBound(validators)) : 0;
  for (let i = 0; i < liarCount; i += 1) liars.set(random.below(validators), LIES[random.below(LIES.length)] as Lie);
  const gstMs = random.between(500, 1_800);
  const partitions: Partition[] = [];
  const partitionCount = random.below(4);
  for (let i = 0; i < partitionCount; i += 1) {
    const fromMs = random.between(0, gstMs);
    partitions.push({
      fromMs,
      toMs: Math.min(gstMs, fromMs + random.between(50, 1_000)),
      side: random.below(2 ** Math.min(30, validators + 4)),
    });
  }
  return {
    ...calm(seed, validators),
    liars,
    dropBeforeGst: random.chance(0.3) ? 0 : random.between(0, 0.5),
    duplicate: random.between(0, 0.1),
    maxDelayBeforeGstMs: random.chance(0.2) ? random.between(200, 800) : random.between(5, 120),
    gstMs,
    partitions,
    crashes: drawCrashes(validators, gstMs, random),
    slowMachines: drawSlowMachines(validators, random),
    fullDisks: drawFullDisks(validators, gstMs, random),
    compactBodies: random.chance(0.5) ? 0 : 0.3,
    clockSkewMs: random.chance(0.1) ? 2_000 : 200,
    ...drawMembership(gstMs, random),
  };
};
