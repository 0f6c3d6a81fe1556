/** Runs a range of seeds and sums up: failures with the fewest faults that they need, what was exercised, recovery. */
import { Counts } from './counts.ts';
import { EARLY_HEAL, faultsOf, minimise, withoutFaults } from './faults.ts';
import type { Scenario } from './scenario.ts';

/** What one run of a scenario came to. */
export interface Run {
  readonly violation: string | undefined;
  readonly recoveryMs: number;
  readonly events: number;
  readonly exercised: Readonly<Record<string, number>>;
  readonly trace: string;
}

/** Something that is simulated: the core, or whole nodes. */
export interface Simulation {
  /** Arguments of the command that choose it. */
  readonly flags: string;
  scenarioOf(seed: number, validators: number): Scenario;
  run(scenario: Scenario): Run | Promise<Run>;
}

/** A seed that broke a property. */
export interface Failure {
  readonly seed: number;
  readonly violation: string;
  /** The faults that it takes. */
  readonly faults: readonly string[];
  /** Command that repeats it with these faults only. */
  readonly repeat: string;
}

/** What a range of seeds came to. */
export interface Sweep {
  readonly run: number;
  readonly failures: readonly Failure[];
  readonly steps: number;
  /** From the healing of the network until all had three more final heights, for every seed that passed. */
  readonly recoveriesMs: readonly number[];
  readonly exercised: Readonly<Record<string, number>>;
  /** Sum of the hashes of all runs, whatever their order. */
  readonly trace: number;
  /** Faults to leave out that no seed has. */
  readonly unknown: readonly string[];
}

/** Which seeds to run. */
export interface Range {
  readonly validators: number;
  readonly from: number;
  readonly seeds: number;
  /** Faults to leave out. */
  readonly without: readonly string[];
}

/** Failures that are minimised; more of them would only take time. */
const MINIMISED = 3;

const propertyOf = (violation: string | undefined): string | undefined => violation?.split(':')[0];

const describeFailure = (
  { flags }: Simulation,
  drawn: Scenario,
  violation: string,
  left: readonly string[],
): Failure => {
  const { seed, validators } = drawn;
  const faults = faultsOf(drawn).filter((fault) => !left.includes(fault));
  const without = left.length === 0 ? '' : ` --without '${left.join(',')}'`;
  const repeat = `npm run sim -- ${flags}--validators ${validators} --from ${seed} --seeds 1${without}`;
  return { seed, violation, faults, repeat };
};

/** The failure with the fewest faults: as long as the same property breaks, one after the other is left out. */
const minimised = async (simulation: Simulation, drawn: Scenario, violation: string): Promise<Failure> => {
  const property = propertyOf(violation);
  let message = violation;
  const left = await minimise(drawn, async (scenario) => {
    const outcome = await simulation.run(scenario);
    const same = propertyOf(outcome.violation) === property;
    if (same) message = outcome.violation ?? message;
    return same;
  });
  return describeFailure(simulation, drawn, message, [...left]);
};

/** Runs the seeds of a range. */
export const sweep = async (simulation: Simulation, { validators, from, seeds, without }: Range): Promise<Sweep> => {
  const exercised = new Counts();
  const failures: Failure[] = [];
  const recoveriesMs: number[] = [];
  const left = new Set(without);
  const unknown = new Set(without);
  unknown.delete(EARLY_HEAL);
  let steps = 0;
  let trace = 0;
  for (let seed = from; seed < from + seeds; seed += 1) {
    const drawn = simulation.scenarioOf(seed, validators);
    if (unknown.size > 0) for (const fault of faultsOf(drawn)) unknown.delete(fault);
    const running = simulation.run(left.size === 0 ? drawn : withoutFaults(drawn, left));
    const outcome = running instanceof Promise ? await running : running;
    const { violation } = outcome;
    steps += outcome.events;
    trace = (trace + Math.imul(Number.parseInt(outcome.trace, 16) ^ seed, 0x9e3779b1)) | 0;
    exercised.merge(outcome.exercised);
    if (violation === undefined) recoveriesMs.push(outcome.recoveryMs);
    else if (left.size > 0 || failures.length >= MINIMISED)
      failures.push(describeFailure(simulation, drawn, violation, without));
    else failures.push(await minimised(simulation, drawn, violation));
  }
  return { run: seeds, failures, steps, recoveriesMs, exercised: exercised.table(), trace, unknown: [...unknown] };
};

/** Several sweeps as one. */
export const together = (sweeps: readonly Sweep[]): Sweep => {
  const exercised = new Counts();
  for (const one of sweeps) exercised.merge(one.exercised);
  return {
    run: sweeps.reduce((sum, { run }) => sum + run, 0),
    failures: sweeps.flatMap(({ failures }) => failures),
    steps: sweeps.reduce((sum, { steps }) => sum + steps, 0),
    recoveriesMs: sweeps.flatMap(({ recoveriesMs }) => recoveriesMs),
    exercised: exercised.table(),
    trace: sweeps.reduce((sum, one) => (sum + one.trace) | 0, 0),
    unknown: (sweeps[0]?.unknown ?? []).filter((name) => sweeps.every(({ unknown }) => unknown.includes(name))),
  };
};
