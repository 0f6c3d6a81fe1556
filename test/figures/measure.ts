/** All figures of agreement, as one object. */
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from '#primitives';
import {
  afterHealing,
  aroundTheWorld,
  evenLinks,
  type IdleFigures,
  idle,
  type Pace,
  type Progress,
  withCrashed,
  type WorldFigures,
} from './settings.ts';

/** Delay of every link where all are the same. */
export const EVEN_DELAY_MS = 200;
/** The same with a leader down, where the base timeout shall be many delays. */
export const CRASH_DELAY_MS = 50;
/** Validators and heights of the runs around the world. */
const WORLDS = [
  [31, 60],
  [100, 24],
] as const;
/** As long as a leader that says nothing does not count as silent yet. */
export const CRASH_SECONDS = 15;
const HEALING_SEEDS = 1_000;
const SIGNATURES = 300;
const ROUNDS = 7;

/** CPU of one Ed25519 operation on this machine, µs. */
export interface SignatureCost {
  readonly verifyMicros: number;
  readonly signMicros: number;
}

/** All figures. */
export interface Figures {
  readonly even: Pace;
  readonly worlds: readonly WorldFigures[];
  /** Without and with one of four down; each at first and later. */
  readonly whole: readonly [Progress, Progress];
  readonly crashed: readonly [Progress, Progress];
  readonly idle: IdleFigures;
  readonly healing: readonly number[];
  readonly signature: SignatureCost;
}

/** CPU of one call: the best of a few rounds, since other work can only add. */
const cpuMicros = (operation: () => unknown): number => {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < SIGNATURES; i += 1) operation();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / SIGNATURES;
  });
  return Math.min(...rounds);
};

const signatureCost = (): SignatureCost => {
  const secret = new Uint8Array(32).fill(7);
  const message = new Uint8Array(97).fill(9);
  const key = ed25519PublicKey(secret);
  const signature = ed25519Sign(message, secret);
  return {
    verifyMicros: cpuMicros(() => ed25519Verify(signature, message, key)),
    signMicros: cpuMicros(() => ed25519Sign(message, secret)),
  };
};

/** Measures everything; `progress` hears what comes next. */
export const measure = (progress: (step: string) => void): Figures => {
  progress('links of one delay');
  const even = evenLinks(EVEN_DELAY_MS);
  const worlds = WORLDS.map(([validators, heights]) => {
    progress(`${validators} validators around the world`);
    return aroundTheWorld(validators, heights);
  });
  progress('a crashed leader');
  const whole = withCrashed([], CRASH_DELAY_MS, CRASH_SECONDS);
  const crashed = withCrashed([1], CRASH_DELAY_MS, CRASH_SECONDS);
  progress('an idle network');
  const quiet = idle();
  progress('healing');
  return {
    even,
    worlds,
    whole,
    crashed,
    idle: quiet,
    healing: afterHealing(HEALING_SEEDS),
    signature: signatureCost(),
  };
};
