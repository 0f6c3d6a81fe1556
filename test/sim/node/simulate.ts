/**
 * Runs one seed of whole nodes: faults until the network heals, then every honest node must execute three more heights in
 * time (P10). The nodes are production's from `startNode` on; what their processes stand on is simulated (`hooks.ts`).
 */
import type { ChainId, Epoch, Height, SealedBytes } from '../../../protocol/brand.ts';
import { finishEnvelope, type ParsedEnvelope } from '../../../protocol/envelope.ts';
import { chainIdOf, type Genesis } from '../../../protocol/genesis.ts';
import { ENVELOPE_BUCKETS } from '../../../protocol/padding.ts';
import { genesisOf } from '../../support/tiny-genesis.ts';
import { Counts } from '../counts.ts';
import { GENESIS_MS } from '../fake-crypto.ts';
import { faultsOf, kindOf } from '../faults.ts';
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

const RECOVERY_BOUND_MS = 60_000;
const TRANSACTION_EVERY_MS = 100;
const HEALED_SKEW_MS = 200;
/** What a node listens after its start before it votes: faults begin after that. */
const LISTEN_MS = 900;
/** Adversity of whole nodes is shorter than that of the core, as they cost ten times as much. */
const PACE = 0.6;
const TAG_BYTES = 16;

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
  readonly machines: readonly Machine[];
  readonly #chainId: ChainId;
  #transactions = 0;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    const { seed, clockSkewMs, gstMs, validators, spares } = scenario;
    const host = new Host(seed);
    this.host = host;
    const newestMs = (): number => GENESIS_MS + 1_000 + host.agenda.nowMs + clockSkewMs;
    const genesis = genesisFor(validators, scenario.baseTimeoutMs);
    this.#chainId = chainIdOf(genesis);
    this.checks = new NodeChecks(genesis, (machine) => this.isHonest(machine), newestMs, this.counts);
    const indexOf = (machine: number, epoch: number) => this.checks.indexOf(machine, epoch);
    const links = new Links(host, scenario, this.checks, liesOf(scenario, this.#chainId, host.random, indexOf));
    useHost(host);
    useLinks(links);
    useWitness(this.checks);
    this.machines = Array.from({ length: validators + spares }, (_, number) => {
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
    });
  }

  isHonest(machine: number): boolean {
    return !this.scenario.liars.has(machine);
  }

  /** Honest machines that vote in the newest epoch. */
  members(): number[] {
    return this.checks.members().filter((machine) => this.isHonest(machine));
  }

  /** Proposes that validators join or leave. */
  proposeChange(): void {
    const anchor = this.checks.anchors.at(-1);
    if (anchor === undefined) return;
    const isHonest = (machine: number): boolean => this.isHonest(machine);
    for (const { kind } of proposeChange(anchor, this.machines, isHonest, this.host.random))
      this.counts.add(`fault: ${kind === 'addValidator' ? 'join' : 'leave'}`);
  }

  #ended(machine: number, error: unknown): void {
    this.counts.add('node ended');
    if (!this.isHonest(machine) || this.machines[machine]?.disk.isFull === true) return;
    this.checks.fail(
      `HALT: honest machine ${machine} stopped: ${error instanceof Error ? (error.stack ?? error.message) : error}`,
    );
  }

  bootAll(): void {
    for (const machine of this.machines) if (this.scenario.liars.get(machine.number) !== 'silent') machine.boot();
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
  const { host, scenario, machines } = world;
  const { agenda } = host;
  for (const { atMs, backAtMs, victims, afterEffects } of scenario.crashes) {
    const chosen = machines.filter(({ number }) => victims.includes(number));
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

const run = async (world: NodeWorld): Promise<number> => {
  const { host, scenario, checks } = world;
  const { agenda } = host;
  const offer = (): void => {
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
  return agenda.nowMs - scenario.gstMs;
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
    liars: new Map([...drawn.liars].map(([machine, lie]) => [machine, lie === 'twins' ? 'silent' : lie])),
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
