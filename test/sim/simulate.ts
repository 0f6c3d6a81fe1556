/**
 * Runs one seed: faults until GST, then synchrony; every honest validator must deliver three more heights in time
 * (P10); some seeds go on to fall idle (P11). Any violation is returned, not thrown.
 */
import { Violation } from './checks.ts';
import { fakeAnchor, machineOf } from './fake-crypto.ts';
import { faultsOf, kindOf } from './faults.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import type { Simulation } from './sweep.ts';
import { excessOf } from './memory.ts';
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
  /** How often each kind of fault and each rule came into play. */
  readonly exercised: Readonly<Record<string, number>>;
  /** Hash of everything that happened, in order. */
  readonly trace: string;
}

/** Deviations from what a seed stands for. */
export interface Variation {
  readonly mutant?: Hooks;
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
  const { agenda, scenario } = world;
  for (const { atMs, backAtMs, victims, afterEffects } of scenario.crashes) {
    const chosen = victims.flatMap((victim) => world.nodes[victim] ?? []);
    agenda.at(atMs, () => {
      for (const node of chosen) {
        if (afterEffects === undefined) node.crash();
        else node.crashAfter(afterEffects);
      }
    });
    agenda.at(backAtMs, () => {
      for (const node of chosen) node.boot();
    });
  }
  for (const { machine, fromMs, toMs } of scenario.fullDisks) {
    for (const node of world.nodes[machine] ?? []) {
      agenda.at(fromMs, () => {
        node.disk.isFull = true;
      });
      agenda.at(toMs, () => {
        node.disk.isFull = false;
        node.boot();
      });
    }
  }
  agenda.at(scenario.gstMs, () => bootAll(world));
};

const runUntil = (world: World, untilMs: number, done: () => boolean): boolean => {
  while (!done()) if (!world.agenda.runNext(untilMs)) return done();
  return true;
};

const runTo = (world: World, untilMs: number): void => {
  while (world.agenda.runNext(untilMs));
};

/** Runs until something holds that only a delivery can bring about. */
const runUntilDelivered = (world: World, untilMs: number, done: () => boolean): boolean => {
  let isDone = done();
  world.onDelivered = () => {
    isDone = done();
  };
  runUntil(world, untilMs, () => isDone);
  world.onDelivered = undefined;
  return isDone;
};

const checkIdle = (world: World): void => {
  const { agenda } = world;
  // A transaction that only an observer still holds waits for its client to send it again.
  const quiet = (): boolean =>
    members(world).every((node) => node.waiting.size === 0 || node.selfIn(node.anchor) === undefined);
  if (!runUntil(world, agenda.nowMs + RECOVERY_BOUND_MS, quiet))
    throw new Violation('P10: transactions stay undelivered');
  runTo(world, agenda.nowMs + 8_000);
  const views = members(world).map((node) => node.core?.current);
  world.busyMessages = 0;
  runTo(world, agenda.nowMs + IDLE_WINDOW_MS);
  if (world.busyMessages > 0) throw new Violation(`P11: ${world.busyMessages} messages other than STATUS while idle`);
  if (members(world).some((node, i) => node.core?.current !== views[i]))
    throw new Violation('P11: views advance while idle');
};

/** P12 of all honest machines. */
const checkMemory = (world: World): void => {
  for (const { core, machine } of world.honest()) {
    const excess = core === undefined ? undefined : excessOf(core);
    if (excess !== undefined) throw new Violation(`P12: machine ${machine} holds ${excess}`);
  }
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
  runTo(world, scenario.gstMs);
  const target = Math.max(...world.honest().map((node) => node.disk.ledger.length)) + 3;
  const recovered = (): boolean => members(world).every((node) => node.disk.ledger.length >= target);
  if (!runUntilDelivered(world, scenario.gstMs + RECOVERY_BOUND_MS, recovered)) {
    const heights = members(world)
      .map((node) => `${node.machine}: ${node.disk.ledger.length}@${node.anchor.epoch}:${node.core?.current}`)
      .join(', ');
    throw new Violation(`P10: no progress to height ${target} after GST (machine: height@epoch:view ${heights})`);
  }
  const recoveryMs = agenda.nowMs - scenario.gstMs;
  checkMemory(world);
  offering = false;
  if (scenario.seed % 16 === 0 && scenario.liars.size === 0) {
    runTo(world, Math.max(agenda.nowMs, ...scenario.changesAtMs) + SETTLE_MS);
    checkIdle(world);
    world.counts.add('idle stretch');
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
  const world = new World(scenario, genesis, variation.mutant);
  if (variation.outcomeOnly === true) world.checksVotes = false;
  world.checks.toleratesForks = variation.toleratesForks === true;
  for (const fault of faultsOf(scenario)) world.counts.add(`fault: ${kindOf(fault)}`);
  let violation: string | undefined;
  let recoveryMs = 0;
  try {
    recoveryMs = run(world);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
  }
  const { checks, counts, record } = world;
  for (const point of checks.chain) record.note(Number.parseInt(point.id.slice(0, 8), 16));
  for (const rule of checks.evidenceRules) counts.add(`evidence ${rule}`);
  return {
    violation,
    recoveryMs,
    events: record.steps,
    height: checks.chain.length,
    forks: checks.forks,
    accused: checks.accused.size,
    epoch: checks.epochs.length,
    exercised: counts.table(),
    trace: record.hash,
  };
};

/** The simulation of the core. */
export const coreSimulation: Simulation = {
  flags: '--core ',
  scenarioOf,
  run: (scenario) => simulate(scenario.seed, scenario.validators, { scenario: () => scenario }),
};

/** Command that repeats a seed. */
export const replayCommand = (seed: number, validators: number): string =>
  `npm run sim -- --core --validators ${validators} --from ${seed} --seeds 1`;
