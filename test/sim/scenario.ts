/** What a seed stands for: size, faults, network, and who lies. Drawn once, so that a seed replays bit by bit. */
import { faultBound } from '../../protocol/genesis.ts';
import { randomOf } from './random.ts';

/** How a Byzantine validator lies. */
export type Lie = 'silent' | 'twins' | 'chaos' | 'equivocate' | 'unjustified' | 'withhold' | 'badBody';

/** All ways to lie. */
export const LIES: readonly Lie[] = ['silent', 'twins', 'chaos', 'equivocate', 'unjustified', 'withhold', 'badBody'];

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
  readonly baseTimeoutMs: number;
  readonly compactBodies: number;
  /** Largest distance of a clock from true time. */
  readonly clockSkewMs: number;
  /** Machines that watch at first and may become validators. */
  readonly spares: number;
  /** When a change of the configuration is proposed. */
  readonly changesAtMs: readonly number[];
}

const drawCrashes = (validators: number, gstMs: number, random: ReturnType<typeof randomOf>): Crash[] => {
  const crashes: Crash[] = [];
  const count = random.below(5);
  for (let i = 0; i < count; i += 1) {
    const atMs = random.between(0, gstMs);
    const victims = random.chance(0.25) ? Array.from({ length: validators }, (_, v) => v) : [random.below(validators)];
    crashes.push({ atMs, backAtMs: Math.min(gstMs, atMs + random.between(1, 800)), victims });
  }
  return crashes;
};

/** In half of the seeds the validators change, up to a while after synchrony returned; otherwise one observer watches. */
const drawMembership = (
  gstMs: number,
  random: ReturnType<typeof randomOf>,
): Pick<Scenario, 'spares' | 'changesAtMs'> => {
  if (random.chance(0.5)) return { spares: random.below(2), changesAtMs: [] };
  const changesAtMs = Array.from({ length: 1 + random.below(5) }, () => random.between(50, gstMs + 600));
  return { spares: 1 + random.below(3), changesAtMs };
};

/** The scenario of a seed for n validators. */
export const scenarioOf = (seed: number, validators: number): Scenario => {
  const random = randomOf(seed);
  const liars = new Map<number, Lie>();
  const liarCount = random.chance(0.8) ? 1 + random.below(faultBound(validators)) : 0;
  for (let i = 0; i < liarCount; i += 1) liars.set(random.below(validators), LIES[random.below(LIES.length)] as Lie);
  const gstMs = random.between(600, 2_500);
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
    seed,
    validators,
    liars,
    dropBeforeGst: random.chance(0.3) ? 0 : random.between(0, 0.5),
    duplicate: random.between(0, 0.1),
    maxDelayBeforeGstMs: random.chance(0.2) ? random.between(200, 800) : random.between(5, 120),
    maxDelayMs: 50,
    gstMs,
    partitions,
    crashes: drawCrashes(validators, gstMs, random),
    baseTimeoutMs: 300,
    compactBodies: random.chance(0.5) ? 0 : 0.3,
    clockSkewMs: random.chance(0.1) ? 1_000 : 200,
    ...drawMembership(gstMs, random),
  };
};
