/**
 * Runs one seed: faults until GST, then synchrony; every honest validator must deliver three more heights in time
 * (P10); some seeds go on to fall idle (P11). Any violation is returned, not thrown.
 */
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { Violation } from './checks.ts';
import { fakeAnchor } from './fake-crypto.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import type { Hooks } from './sim-node.ts';
import { World } from './world.ts';

/** Simulated time after GST within which all honest validators must have moved on. */
export const RECOVERY_BOUND_MS = 60_000;
const TRANSACTION_EVERY_MS = 40;
const IDLE_WINDOW_MS = 12_000;

/** Result of one seed. */
export interface Outcome {
  readonly violation: string | undefined;
  /** From GST until the last honest validator had delivered three more heights. */
  readonly recoveryMs: number;
  readonly events: number;
  readonly height: number;
  readonly accused: number;
}

/** Test-only deviations. */
export interface Variation {
  readonly mutant?: Hooks;
  readonly anchor?: EpochAnchor;
  readonly scenario?: (drawn: Scenario) => Scenario;
  /** Watches for forks and stalls only, not for what honest validators sign. */
  readonly outcomeOnly?: boolean;
}

const bootAll = (world: World): void => {
  for (const endpoints of world.nodes) for (const node of endpoints) node.boot();
};

const planCrashes = (world: World): void => {
  for (const { atMs, backAtMs, victims } of world.scenario.crashes) {
    world.agenda.at(atMs, () => {
      for (const victim of victims) for (const node of world.nodes[victim] ?? []) if (node.up) node.crash();
    });
    world.agenda.at(backAtMs, () => {
      for (const victim of victims) for (const node of world.nodes[victim] ?? []) node.boot();
    });
  }
  world.agenda.at(world.scenario.gstMs, () => bootAll(world));
};

const runUntil = (world: World, untilMs: number, done: () => boolean): boolean => {
  while (!done()) if (!world.agenda.runNext(untilMs)) return done();
  return true;
};

const checkIdle = (world: World): void => {
  const { agenda } = world;
  const quiet = (): boolean => world.honest().every((node) => node.waiting.size === 0);
  if (!runUntil(world, agenda.nowMs + RECOVERY_BOUND_MS, quiet))
    throw new Violation('P10: transactions stay undelivered');
  runUntil(world, agenda.nowMs + 8_000, () => false);
  const views = world.honest().map((node) => node.core?.current);
  world.busyMessages = 0;
  runUntil(world, agenda.nowMs + IDLE_WINDOW_MS, () => false);
  if (world.busyMessages > 0) throw new Violation(`P11: ${world.busyMessages} messages other than STATUS while idle`);
  if (world.honest().some((node, i) => node.core?.current !== views[i]))
    throw new Violation('P11: views advance while idle');
};

const run = (world: World): number => {
  const { agenda, scenario } = world;
  let offering = true;
  const offer = (): void => {
    if (!offering) return;
    world.offerTransaction();
    agenda.at(agenda.nowMs + TRANSACTION_EVERY_MS, offer);
  };
  agenda.at(0, () => bootAll(world));
  agenda.at(1, offer);
  planCrashes(world);
  runUntil(world, scenario.gstMs, () => false);
  const honest = world.honest();
  const target = Math.max(...honest.map((node) => node.ledger.length)) + 3;
  const recovered = (): boolean => honest.every((node) => node.ledger.length >= target);
  if (!runUntil(world, scenario.gstMs + RECOVERY_BOUND_MS, recovered)) {
    const heights = honest.map((node) => `${node.ledger.length}@${node.core?.current}`).join(' ');
    throw new Violation(`P10: no progress to height ${target} after GST (height@view ${heights})`);
  }
  const recoveryMs = agenda.nowMs - scenario.gstMs;
  offering = false;
  if (scenario.seed % 8 === 0 && scenario.liars.size === 0) checkIdle(world);
  return recoveryMs;
};

/** Runs the scenario of a seed. */
export const simulate = (seed: number, validators: number, variation: Variation = {}): Outcome => {
  const drawn = scenarioOf(seed, validators);
  const scenario = variation.scenario?.(drawn) ?? drawn;
  const world = new World(scenario, variation.anchor ?? fakeAnchor(validators), variation.mutant);
  if (variation.outcomeOnly === true) world.checksVotes = false;
  let violation: string | undefined;
  let recoveryMs = 0;
  try {
    recoveryMs = run(world);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
  }
  return {
    violation,
    recoveryMs,
    events: world.events,
    height: world.checks.chain.length,
    accused: world.checks.accused.size,
  };
};

/** Command that repeats a seed. */
export const replayCommand = (seed: number, validators: number): string =>
  `node test/sim/replay.ts --seed ${seed} --validators ${validators}`;
