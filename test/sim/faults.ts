/** The faults of a scenario by name: what a seed exercises, and what is left out to find out which of them a failure needs. */
import { calm, type Crash, type Scenario } from './scenario.ts';

const crashKind = ({ victims, afterEffects }: Crash, validators: number): string => {
  if (victims.length === validators) return 'blackout';
  return afterEffects === undefined ? 'crash' : 'crash between effects';
};

/** Names of all faults of a scenario: a kind, and a number where there can be several. */
export const faultsOf = (scenario: Scenario): string[] => {
  const { validators, baseTimeoutMs } = scenario;
  const numbered = (kind: string, list: readonly unknown[]): string[] => list.map((_, index) => `${kind}.${index}`);
  const flags: readonly (readonly [string, boolean])[] = [
    ['loss', scenario.dropBeforeGst > 0],
    ['duplicates', scenario.duplicate > 0],
    ['slow links', scenario.maxDelayBeforeGstMs > baseTimeoutMs / 2],
    ['missing bodies', scenario.compactBodies > 0],
    ['clock skew', scenario.clockSkewMs > 0],
    ['spares', scenario.spares > 0],
  ];
  return [
    ...[...scenario.liars].map(([machine, lie]) => `liar ${lie}.${machine}`),
    ...scenario.crashes.map((crash, index) => `${crashKind(crash, validators)}.${index}`),
    ...numbered('partition', scenario.partitions),
    ...numbered('slow machine', scenario.slowMachines),
    ...numbered('full disk', scenario.fullDisks),
    ...numbered('change', scenario.changesAtMs),
    ...flags.flatMap(([name, present]) => (present ? [name] : [])),
  ];
};

/** The kind of a named fault. */
export const kindOf = (fault: string): string => fault.split('.')[0] ?? fault;

/** Leaves faults out of a drawn scenario; `early heal` ends the adversity with the last fault that remains. */
export const withoutFaults = (drawn: Scenario, left: ReadonlySet<string>): Scenario => {
  const { validators } = drawn;
  const none = calm(drawn.seed, validators);
  const keep = <T>(list: readonly T[], kind: (item: T) => string): T[] =>
    list.filter((item, index) => !left.has(`${kind(item)}.${index}`));
  const rest: Scenario = {
    ...drawn,
    liars: new Map([...drawn.liars].filter(([machine, lie]) => !left.has(`liar ${lie}.${machine}`))),
    crashes: keep(drawn.crashes, (crash) => crashKind(crash, validators)),
    partitions: keep(drawn.partitions, () => 'partition'),
    slowMachines: keep(drawn.slowMachines, () => 'slow machine'),
    fullDisks: keep(drawn.fullDisks, () => 'full disk'),
    changesAtMs: keep(drawn.changesAtMs, () => 'change'),
    dropBeforeGst: left.has('loss') ? 0 : drawn.dropBeforeGst,
    duplicate: left.has('duplicates') ? 0 : drawn.duplicate,
    maxDelayBeforeGstMs: left.has('slow links') ? none.maxDelayBeforeGstMs : drawn.maxDelayBeforeGstMs,
    compactBodies: left.has('missing bodies') ? 0 : drawn.compactBodies,
    clockSkewMs: left.has('clock skew') ? 0 : drawn.clockSkewMs,
    spares: left.has('spares') ? 0 : drawn.spares,
  };
  return left.has(EARLY_HEAL) ? { ...rest, gstMs: lastFaultMs(rest) } : rest;
};

/** Name of the one simplification that leaves no fault out. */
export const EARLY_HEAL = 'early heal';

const lastFaultMs = ({ crashes, partitions, fullDisks, changesAtMs }: Scenario): number =>
  Math.max(
    100,
    ...crashes.map(({ backAtMs }) => backAtMs),
    ...[...partitions, ...fullDisks].map(({ toMs }) => toMs),
    ...changesAtMs,
  );

/** The fewest faults, as far as leaving them out one by one finds, with which a scenario still fails; gives those left out. */
export const minimise = async (
  drawn: Scenario,
  fails: (scenario: Scenario) => boolean | Promise<boolean>,
): Promise<Set<string>> => {
  const left = new Set<string>();
  let before: number;
  do {
    before = left.size;
    for (const name of [...faultsOf(drawn), EARLY_HEAL]) {
      if (left.has(name)) continue;
      if (await fails(withoutFaults(drawn, new Set(left).add(name)))) left.add(name);
    }
  } while (left.size > before);
  return left;
};
