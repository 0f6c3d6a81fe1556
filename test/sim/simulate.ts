/**
 * Runs one seed: faults until GST, then synchrony; every honest validator must deliver three more heights in time
 * (P10); some seeds go on to fall idle (P11). Any violation is returned, not thrown.
 */
import { Violation } from './checks.ts';
import { fakeAnchor, machineOf } from './fake-crypto.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { proposeChange } from './sim-governance.ts';
import type { Hooks, SimNode } from './sim-node.ts';
import { World } from './world.ts';

/** Simulated time after GST within which all honest validators must have moved on. */
export const RECOVERY_BOUND_MS = 60_000;
const TRANSACTION_EVERY_MS = 40;
const IDLE_WINDOW_MS = 12_000;
/** Time for the last change of the configuration to go through or to be given up. */
const SETTLE_MS = 8_000;

/** Result of one seed. */
export interface Outcome {
  readonly violation: string | undefined;
  /** From GST until the last honest validator had delivered three more heights. */
  readonly recoveryMs: number;
  readonly events: number;
  readonly height: number;
  /** Forks that were noted and not taken as the end. */
  readonly forks: readonly string[];
  readonly accused: number;
  /** Epoch that the chain reached. */
  readonly epoch: number;
}

/** Test-only deviations. */
export interface Variation {
  readonly mutant?: Hooks;
  readonly quorum?: number;
  readonly scenario?: (drawn: Scenario) => Scenario;
  /** Watches for forks and stalls only, not for what honest validators sign. */
  readonly outcomeOnly?: boolean;
  /** Goes on after a fork, to see what comes of it. */
  readonly toleratesForks?: boolean;
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
  // A transaction that only an observer still holds waits for its client to send it again.
  const quiet = (): boolean =>
    members(world).every((node) => node.waiting.size === 0 || node.selfIn(node.anchor) === undefined);
  if (!runUntil(world, agenda.nowMs + RECOVERY_BOUND_MS, quiet))
    throw new Violation('P10: transactions stay undelivered');
  runUntil(world, agenda.nowMs + 8_000, () => false);
  const views = members(world).map((node) => node.core?.current);
  world.busyMessages = 0;
  runUntil(world, agenda.nowMs + IDLE_WINDOW_MS, () => false);
  if (world.busyMessages > 0) throw new Violation(`P11: ${world.busyMessages} messages other than STATUS while idle`);
  if (members(world).some((node, i) => node.core?.current !== views[i]))
    throw new Violation('P11: views advance while idle');
};

/** Honest machines that the newest epoch knows, and that somebody therefore serves. */
const members = (world: World): SimNode[] => {
  const newest = world.checks.epochs.at(-1) ?? world.genesis;
  const { validators, observers } = newest.configuration;
  const known = new Set([...validators, ...observers].map(machineOf));
  return world.honest().filter((node) => known.has(node.machine));
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
  for (const atMs of scenario.changesAtMs) agenda.at(atMs, () => proposeChange(world));
  runUntil(world, scenario.gstMs, () => false);
  const target = Math.max(...world.honest().map((node) => node.disk.ledger.length)) + 3;
  const recovered = (): boolean => members(world).every((node) => node.disk.ledger.length >= target);
  if (!runUntil(world, scenario.gstMs + RECOVERY_BOUND_MS, recovered)) {
    const heights = members(world)
      .map((node) => `${node.machine}: ${node.disk.ledger.length}@${node.anchor.epoch}:${node.core?.current}`)
      .join(', ');
    throw new Violation(`P10: no progress to height ${target} after GST (machine: height@epoch:view ${heights})`);
  }
  const recoveryMs = agenda.nowMs - scenario.gstMs;
  offering = false;
  if (scenario.seed % 8 === 0 && scenario.liars.size === 0) {
    runUntil(world, Math.max(agenda.nowMs, ...scenario.changesAtMs) + SETTLE_MS, () => false);
    checkIdle(world);
  }
  return recoveryMs;
};

/** Runs the scenario of a seed. */
export const simulate = (seed: number, validators: number, variation: Variation = {}): Outcome => {
  const drawn = scenarioOf(seed, validators);
  const scenario = variation.scenario?.(drawn) ?? drawn;
  const { baseTimeoutMs, spares } = scenario;
  const parameters = { baseTimeoutMs, maxStateLagBlocks: 12 };
  const genesis = fakeAnchor(validators, parameters, spares);
  const { quorum } = variation;
  const world = new World(scenario, quorum === undefined ? genesis : { ...genesis, quorum }, variation.mutant);
  if (variation.outcomeOnly === true) world.checksVotes = false;
  world.checks.toleratesForks = variation.toleratesForks === true;
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
    forks: world.checks.forks,
    accused: world.checks.accused.size,
    epoch: world.checks.epochs.length,
  };
};

/** Command that repeats a seed. */
export const replayCommand = (seed: number, validators: number): string =>
  `node test/sim/replay.ts --seed ${seed} --validators ${validators}`;
