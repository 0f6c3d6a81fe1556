/** One simulated network: agenda, links with loss, delay and partitions, pools of transactions, machines, checks. */
import type { BlockHash } from '../../protocol/brand.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { Agenda } from './agenda.ts';
import { Checks } from './checks.ts';
import { Counts } from './counts.ts';
import { GENESIS_MS } from './fake-crypto.ts';
import { forgetGenuine } from './genuine.ts';
import { liarHooks } from './liars.ts';
import { type Random, randomOf } from './random.ts';
import { RunRecord } from './record.ts';
import type { Scenario } from './scenario.ts';
import type { Message } from './sim-exchange.ts';
import { type Hooks, SimNode } from './sim-node.ts';

const NO_BODY: readonly number[] = [];

/** The world of one seed. */
export class World {
  readonly scenario: Scenario;
  /** Anchor of the first epoch. */
  readonly genesis: EpochAnchor;
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly checks: Checks;
  readonly badBodies = new Set<BlockHash>();
  /** Endpoints of each machine: none when silent, two when its key runs twice. */
  readonly nodes: SimNode[][];
  readonly #bodies = new Map<BlockHash, readonly number[]>();
  #transactions = 0;
  #honest: readonly SimNode[] | undefined;
  readonly counts = new Counts();
  readonly record = new RunRecord(this.counts, () => this.agenda.nowMs);
  /** Whether each vote of an honest machine is checked (P6, P7). */
  checksVotes = true;
  /** Messages other than STATUS since the last reset. */
  busyMessages = 0;
  onDelivered: ((node: SimNode) => void) | undefined;

  constructor(scenario: Scenario, genesis: EpochAnchor, mutant: Hooks | undefined) {
    forgetGenuine();
    this.scenario = scenario;
    this.genesis = genesis;
    this.random = randomOf(scenario.seed ^ 0x5eed);
    this.checks = new Checks(
      genesis,
      (machine) => this.isHonest(machine),
      // Clocks that ran fast are put right later; what they said counts.
      () => GENESIS_MS + 1_000 + this.agenda.nowMs + scenario.clockSkewMs,
    );
    const { validators, observers } = genesis.configuration;
    const machines = validators.length + observers.length;
    this.nodes = Array.from({ length: machines }, (_, machine) => this.#endpoints(machine, mutant));
  }

  #endpoints(machine: number, mutant: Hooks | undefined): SimNode[] {
    const lie = this.scenario.liars.get(machine);
    if (lie === 'silent') return [];
    const own = mutant === undefined ? [] : [mutant];
    if (lie === undefined) return [new SimNode(this, machine, own)];
    const make = (): SimNode => new SimNode(this, machine, liarHooks(lie));
    return lie === 'twins' ? [make(), make()] : [make()];
  }

  isHonest(machine: number): boolean {
    return !this.scenario.liars.has(machine);
  }

  /** All honest machines. */
  honest(): readonly SimNode[] {
    this.#honest ??= this.nodes.flatMap((endpoints, machine) => (this.isHonest(machine) ? endpoints : []));
    return this.#honest;
  }

  bodyOf(block: BlockHash): readonly number[] {
    return this.#bodies.get(block) ?? NO_BODY;
  }

  setBody(block: BlockHash, transactions: readonly number[]): void {
    this.#bodies.set(block, transactions);
  }

  delivered(node: SimNode): void {
    this.onDelivered?.(node);
  }

  /** Gives every running machine a new transaction. */
  offerTransaction(): void {
    this.#transactions += 1;
    for (const endpoints of this.nodes) for (const node of endpoints) node.offer(this.#transactions);
  }

  /** Gives every running machine a system transaction. */
  offerSystem(id: string, encoded: Uint8Array): void {
    for (const endpoints of this.nodes) for (const node of endpoints) node.offerSystem(id, encoded);
  }

  #connected(from: number, to: number): boolean {
    const { nowMs } = this.agenda;
    return this.scenario.partitions.every(
      ({ fromMs, toMs, side }) => nowMs < fromMs || nowMs >= toMs || ((side >> from) & 1) === ((side >> to) & 1),
    );
  }

  /** Sends over the simulated link: unreliable before GST, bounded afterwards. */
  send({ machine: from }: SimNode, to: number, message: Message): void {
    const { scenario, random, agenda } = this;
    if (message.kind !== 'status') this.busyMessages += 1;
    const early = agenda.nowMs < scenario.gstMs;
    if (early && (!this.#connected(from, to) || random.chance(scenario.dropBeforeGst))) return;
    const copies = random.chance(scenario.duplicate) ? 2 : 1;
    const maximum = early ? scenario.maxDelayBeforeGstMs + this.#extraMs(from) : scenario.maxDelayMs;
    for (let copy = 0; copy < copies; copy += 1) {
      agenda.at(agenda.nowMs + random.between(1, maximum), () => this.#arrive(from, to, message));
    }
  }

  #extraMs(from: number): number {
    for (const { machine, extraMs } of this.scenario.slowMachines) if (machine === from) return extraMs;
    return 0;
  }

  #arrive(from: number, to: number, message: Message): void {
    const endpoints = this.nodes[to] ?? [];
    if (endpoints.length < 2) {
      endpoints[0]?.receive(message, from);
      return;
    }
    const lot = this.random.below(3);
    if (lot !== 1) endpoints[0]?.receive(message, from);
    if (lot !== 0) endpoints[1]?.receive(message, from);
  }
}
