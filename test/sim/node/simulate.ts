/**
 * Runs one seed of whole nodes: faults until the network heals, then every honest node must execute three more heights in
 * time (P10), and holds no more than it may (P12); some seeds go on to fall idle (P11). The nodes are production's from
 * `startNode` on; what their processes stand on is simulated (`hooks.ts`).
 */
import type { ChainId, Epoch, Height, SealedBytes } from '../../../protocol/brand.ts';
import { finishEnvelope, type ParsedEnvelope } from '../../../protocol/envelope.ts';
import { chainIdOf, type Genesis } from '../../../protocol/genesis.ts';
import { ENVELOPE_BUCKETS } from '../../../protocol/padding.ts';
import { genesisOf } from '../../support/tiny-genesis.ts';
import type { CoreState } from '../../../consensus/state.ts';
import { Counts } from '../counts.ts';
import { GENESIS_MS } from '../fake-crypto.ts';
import { faultsOf, kindOf } from '../faults.ts';
import { excessOf } from '../memory.ts';
import { RunRecord } from '../record.ts';
import { type Scenario, scenarioOf } from '../scenario.ts';
import { Violation } from '../checks.ts';
import type { Run, Simulation } from '../sweep.ts';
import { useWitness } from './enclave-client.ts';
import { Host, useHost } from './host.ts';
import { Links } from './links.ts';
import { proposeChange } from './governance.ts';
import { liesOf } from './liars.ts';
import { Machine } from './machine.ts';
import { useLinks } from './network.ts';
import { NodeChecks } from './node-checks.ts';
import { NETWORK, validatorOf } from './parties.ts';
import { useStepWatcher } from './watched-step.ts';

const RECOVERY_BOUND_MS = 60_000;
const TRANSACTION_EVERY_MS = 100;
const HEALED_SKEW_MS = 200;
/** What a node listens after its start before it votes: faults begin after that. */
const LISTEN_MS = 900;
/** Adversity of whole nodes is shorter than that of the core, as they cost ten times as much. */
const PACE = 0.6;
const TAG_BYTES = 16;
/** Time for the last transactions and the last change of the configuration to go through. */
const SETTLE_MS = 10_000;
const IDLE_WINDOW_MS = 12_000;
/** Within which a result certificate that was missed is fetched, once all is quiet. */
const CERTIFIED_WITHIN_MS = 3_000;
/** One seed of so many falls idle, where nobody lies. */
const IDLE_EVERY = 8;
/** Files of the log of votes. */
const LOG_ENDING = '.wal';

const geneses = new Map<number, Genesis>();

const genesisFor = (validators: number, baseTimeoutMs: number): Genesis => {
  const known = geneses.get(validators);
  if (known !== undefined) return known;
  const genesis: Genesis = {
    ...genesisOf(NETWORK, { parameters: { baseTimeoutMs, minEpochMs: 0 } }),
    validators: Array.from({ length: validators }, (_, machine) => validatorOf(machine)),
  };
  geneses.set(validators, genesis);
  return genesis;
};

const envelopes: ParsedEnvelope[] = [];

/** The envelope with a number: nobody looks into it. */
const envelopeOf = (chainId: ChainId, number: number): ParsedEnvelope => {
  const known = envelopes[number];
  if (known?.envelope.chainId === chainId) return known;
  const form = { kind: 'session', sessionId: '0'.repeat(32), counter: number } as const;
  const fields = { chainId, keyEpoch: 1 as Epoch, expiryHeight: 500 as Height, form };
  const fresh = finishEnvelope(fields as never, new Uint8Array((ENVELOPE_BUCKETS[0] ?? 0) + TAG_BYTES) as SealedBytes);
  envelopes[number] = fresh;
  return fresh;
};

/** The world of one seed. */
class NodeWorld {
  readonly scenario: Scenario;
  readonly host: Host;
  readonly counts = new Counts();
  readonly checks: NodeChecks;
  /** By number. */
  readonly machines: readonly Machine[];
  /** All of them, and those that run the key of another one as well. */
  readonly processes: readonly Machine[];
  /** The core of each machine, as its last step left it. */
  readonly #cores = new Map<number, CoreState>();
  readonly #chainId: ChainId;
  #transactions = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    const { seed, clockSkewMs, gstMs, validators, spares } = scenario;
    const host = new Host(seed);
    this.host = host;
    const genesis = genesisFor(validators, scenario.baseTimeoutMs);
    this.#chainId = chainIdOf(genesis);
    const world = {
      isHonest: (machine: number) => this.isHonest(machine),
      newestMs: () => GENESIS_MS + 1_000 + host.agenda.nowMs + clockSkewMs,
      isLogSynced: (machine: number) => this.machines[machine]?.disk.isSynced(LOG_ENDING) === true,
    };
    this.checks = new NodeChecks(genesis, world, this.counts);
    const lies = liesOf(scenario, this.#chainId, host.random, {
      indexOf: (machine, epoch) => this.checks.indexOf(machine, epoch),
      coreOf: (machine) => this.#cores.get(machine),
    });
    const links = new Links(host, scenario, this.checks, lies);
    useHost(host);
    useLinks(links);
    useWitness(this.checks);
    const record = new RunRecord(this.counts, () => host.agenda.nowMs);
    useStepWatcher({
      isHonest: world.isHonest,
      onStep: ({ machine }, input, core, effects, enteredView) => {
        this.#cores.set(machine, core);
        if (!this.isHonest(machine)) return;
        record.step(machine, input, effects, enteredView);
        for (const effect of effects) record.effect(effect);
      },
    });
    const machineOf = (number: number): Machine => {
      const drawn = host.random.between(-clockSkewMs, clockSkewMs);
      const healed = Math.max(-HEALED_SKEW_MS, Math.min(HEALED_SKEW_MS, drawn));
      return new Machine({
        host,
        links,
        genesis,
        number,
        skewMs: () => (host.agenda.nowMs < gstMs ? drawn : healed),
        onEnd: (error) => this.#ended(number, error),
        onLost: (what) => this.counts.add(`fault: ${what}`),
      });
    };
    this.machines = Array.from({ length: validators + spares }, (_, number) => machineOf(number));
    const twins = [...scenario.liars].flatMap(([number, lie]) => (lie === 'twins' ? [machineOf(number)] : []));
    this.processes = [...this.machines, ...twins];
  }

  isHonest(machine: number): boolean {
    return !this.scenario.liars.has(machine);
  }

  /** Honest machines that vote in the newest epoch. */
  members(): number[] {
    return this.checks.members().filter((machine) => this.isHonest(machine));
  }

  /** Proposes a change of the configuration. */
  proposeChange(): void {
    const { checks, machines, host } = this;
    const anchor = checks.anchors.at(-1);
    if (anchor === undefined) return;
    const electorate = { machines, accused: checks.accused, isHonest: (machine: number) => this.isHonest(machine) };
    for (const name of proposeChange(anchor, electorate, host.random)) this.counts.add(`fault: ${name}`);
  }

  /** P12 of all honest nodes. */
  checkMemory(): void {
    for (const [machine, core] of this.#cores) {
      const excess = this.isHonest(machine) ? excessOf(core) : undefined;
      if (excess !== undefined) this.checks.fail(`P12: machine ${machine} holds ${excess}`);
    }
  }

  #ended(machine: number, error: unknown): void {
    this.counts.add('node ended');
    if (!this.isHonest(machine) || this.machines[machine]?.disk.isFull === true) return;
    this.checks.fail(
      `HALT: honest machine ${machine} stopped: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
    );
  }

  bootAll(): void {
    for (const machine of this.processes) if (this.scenario.liars.get(machine.number) !== 'silent') machine.boot();
  }

  /** Hands a transaction to one node, as a client would. */
  offerTransaction(): void {
    const { random } = this.host;
    this.#transactions += 1;
    const envelope = envelopeOf(this.#chainId, this.#transactions);
    const signal = new AbortController().signal;
    this.machines[random.below(this.machines.length)]?.use((node) => {
      // A machine that is no validator refuses.
      node.service.submit([envelope], { source: 'client', waitMs: 0, signal }).catch(() => undefined);
    });
  }
}

const planFaults = (world: NodeWorld): void => {
  const { host, scenario, machines, processes } = world;
  const { agenda } = host;
  for (const { atMs, backAtMs, victims, afterEffects } of scenario.crashes) {
    const chosen = processes.filter(({ number }) => victims.includes(number));
    agenda.at(atMs, () => {
      for (const machine of chosen) {
        if (afterEffects === undefined) machine.crash();
        else machine.crashAfter(afterEffects);
      }
    });
    agenda.at(backAtMs, () => world.bootAll());
  }
  for (const { machine, fromMs, toMs } of scenario.fullDisks) {
    const { disk } = machines[machine] as Machine;
    agenda.at(fromMs, () => {
      disk.isFull = true;
    });
    agenda.at(toMs, () => {
      disk.isFull = false;
      world.bootAll();
    });
  }
  for (const atMs of scenario.changesAtMs) agenda.at(atMs, () => world.proposeChange());
  agenda.at(scenario.gstMs, () => world.bootAll());
};

/** P11: when nothing waits, no view is entered, and nothing but STATUS is said. */
const checkIdle = async ({ host, checks, counts, scenario }: NodeWorld): Promise<void> => {
  const { agenda } = host;
  const failed = (): boolean => checks.violation !== undefined;
  await host.run(Math.max(agenda.nowMs, ...scenario.changesAtMs) + SETTLE_MS, failed);
  checks.busyMessages = 0;
  const heights = [...checks.heights];
  await host.run(agenda.nowMs + IDLE_WINDOW_MS, failed);
  if (checks.busyMessages > 0) checks.fail(`P11: ${checks.busyMessages} messages other than STATUS while idle`);
  if (heights.some(([machine, height]) => checks.heights.get(machine) !== height))
    checks.fail('P11: blocks are made while idle');
  counts.add('idle stretch');
};

/** P16, completeness: in the end every executed height is certified at every validator, whatever was lost on the way. */
const checkCertified = async (world: NodeWorld): Promise<void> => {
  const { host, machines, checks, counts } = world;
  for (const machine of world.members()) {
    const executed = checks.heights.get(machine) ?? 0;
    machines[machine]?.use(async (node) => {
      for (let height = 1; height <= executed; height += 1) {
        counts.add('height looked for its certificate');
        if ((await node.service.block(height as Height))?.certificate === undefined)
          checks.fail(`P16: machine ${machine} never got the result certificate of ${height} of ${executed}`);
      }
    });
  }
  await host.run(host.agenda.nowMs + 1, () => checks.violation !== undefined);
};

const run = async (world: NodeWorld): Promise<number> => {
  const { host, scenario, checks } = world;
  const { agenda } = host;
  let offering = true;
  const offer = (): void => {
    if (!offering) return;
    world.offerTransaction();
    agenda.at(agenda.nowMs + TRANSACTION_EVERY_MS, offer);
  };
  agenda.at(0, () => world.bootAll());
  agenda.at(LISTEN_MS, offer);
  planFaults(world);
  const failed = (): boolean => checks.violation !== undefined;
  await host.run(scenario.gstMs, failed);
  const heightOf = (machine: number): number => checks.heights.get(machine) ?? 0;
  const target = Math.max(...world.members().map(heightOf)) + 3;
  const recovered = (): boolean => failed() || world.members().every((machine) => heightOf(machine) >= target);
  const inTime = await host.run(scenario.gstMs + RECOVERY_BOUND_MS, recovered);
  if (checks.violation !== undefined) throw checks.violation;
  if (!inTime) {
    const heights = world.members().map((machine) => `${machine}: ${heightOf(machine)}`);
    throw new Violation(`P10: no progress to height ${target} (machine: height ${heights.join(', ')})`);
  }
  const recoveryMs = agenda.nowMs - scenario.gstMs;
  world.checkMemory();
  offering = false;
  if (scenario.liars.size === 0) {
    if (scenario.seed % IDLE_EVERY === 0) await checkIdle(world);
    else await host.run(agenda.nowMs + CERTIFIED_WITHIN_MS, failed);
    await checkCertified(world);
  }
  if (failed()) throw checks.violation;
  return recoveryMs;
};

/** When something drawn for the core happens to whole nodes: after they have begun to vote, and closer together. */
const moved = (drawnMs: number): number => LISTEN_MS + PACE * drawnMs;

/**
 * Faults begin when the nodes have begun to vote, and the network heals when the last node that came back has listened
 * long enough to vote.
 */
const fitted = (drawn: Scenario): Scenario => {
  const changes = drawn.seed % 2 === 0 ? drawn.changesAtMs.slice(0, 2) : [];
  return {
    ...drawn,
    gstMs: moved(drawn.gstMs) + LISTEN_MS,
    partitions: drawn.partitions.map(({ fromMs, toMs, side }) => ({
      fromMs: moved(fromMs),
      toMs: moved(toMs) + LISTEN_MS,
      side,
    })),
    crashes: drawn.crashes.map((crash) => ({ ...crash, atMs: moved(crash.atMs), backAtMs: moved(crash.backAtMs) })),
    fullDisks: drawn.fullDisks.map((full) => ({ ...full, fromMs: moved(full.fromMs), toMs: moved(full.toMs) })),
    duplicate: 0,
    compactBodies: 0,
    spares: Math.min(changes.length, 1),
    changesAtMs: changes.map(moved),
  };
};

/** Runs a scenario over whole nodes. */
const simulateNodes = async (scenario: Scenario): Promise<Run> => {
  const world = new NodeWorld(scenario);
  const { counts, host, checks } = world;
  for (const fault of faultsOf(scenario)) counts.add(`fault: ${kindOf(fault)}`);
  let violation: string | undefined;
  let recoveryMs = 0;
  try {
    recoveryMs = await run(world);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
  }
  for (const hash of checks.chain) host.note(Number.parseInt(hash.slice(0, 8), 16));
  return { violation, recoveryMs, events: host.steps, exercised: counts.table(), trace: host.trace };
};

/** The simulation of whole nodes. */
export const nodeSimulation: Simulation = {
  flags: '',
  scenarioOf: (seed, validators) => fitted(scenarioOf(seed, validators)),
  run: simulateNodes,
};
