/** One simulated network: agenda, links with loss, delay and partitions, pools of transactions, validators, checks. */
import type { BlockHash } from '../../protocol/brand.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import type { ConsensusParameters } from '../../consensus/state.ts';
import { Agenda } from './agenda.ts';
import { Checks } from './checks.ts';
import { liarHooks } from './liars.ts';
import { type Random, randomOf } from './random.ts';
import type { Scenario } from './scenario.ts';
import { type Hooks, type Message, SimNode } from './sim-node.ts';

const ids = new WeakMap<Header, BlockHash>();
const NO_BODY: readonly number[] = [];

/** The world of one seed. */
export class World {
  readonly scenario: Scenario;
  readonly anchor: EpochAnchor;
  readonly agenda = new Agenda();
  readonly random: Random;
  readonly checks: Checks;
  readonly parameters: ConsensusParameters;
  readonly badBodies = new Set<BlockHash>();
  /** Endpoints of each validator: none when silent, two when its key runs twice. */
  readonly nodes: SimNode[][];
  readonly #bodies = new Map<BlockHash, readonly number[]>();
  #transactions = 0;
  /** Steps taken by all cores. */
  events = 0;
  /** Whether each vote of an honest validator is checked (P6, P7). */
  checksVotes = true;
  /** Messages other than STATUS since the last reset. */
  busyMessages = 0;
  onDelivered: ((node: SimNode) => void) | undefined;

  constructor(scenario: Scenario, anchor: EpochAnchor, mutant: Hooks | undefined) {
    this.scenario = scenario;
    this.anchor = anchor;
    this.random = randomOf(scenario.seed ^ 0x5eed);
    this.checks = new Checks(anchor, (validator) => this.isHonest(validator));
    this.parameters = {
      baseTimeoutMs: scenario.baseTimeoutMs,
      maxTimeoutMs: 30_000,
      heartbeatMs: 30_000,
      minBlockIntervalMs: 20,
      maxBodyBytes: 1024 * 1024,
      maxBlockTransactions: 4096,
      maxStateLagBlocks: 12,
    };
    this.nodes = Array.from({ length: scenario.validators }, (_, index) => this.#endpoints(index, mutant));
  }

  #endpoints(index: number, mutant: Hooks | undefined): SimNode[] {
    const lie = this.scenario.liars.get(index);
    if (lie === 'silent') return [];
    const own = mutant === undefined ? [] : [mutant];
    if (lie === undefined) return [new SimNode(this, index, own)];
    const make = (): SimNode => new SimNode(this, index, liarHooks(lie));
    return lie === 'twins' ? [make(), make()] : [make()];
  }

  isHonest(validator: number): boolean {
    return !this.scenario.liars.has(validator);
  }

  /** All honest validators. */
  honest(): SimNode[] {
    return this.nodes.flatMap((endpoints, index) => (this.isHonest(index) ? endpoints : []));
  }

  idOf(header: Header): BlockHash {
    const known = ids.get(header);
    if (known !== undefined) return known;
    const id = blockId(header);
    ids.set(header, id);
    return id;
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

  /** Gives every running validator a new transaction. */
  offerTransaction(): void {
    this.#transactions += 1;
    for (const endpoints of this.nodes) for (const node of endpoints) node.offer(this.#transactions);
  }

  #connected(from: number, to: number): boolean {
    const { nowMs } = this.agenda;
    return this.scenario.partitions.every(
      ({ fromMs, toMs, side }) => nowMs < fromMs || nowMs >= toMs || ((side >> from) & 1) === ((side >> to) & 1),
    );
  }

  /** Sends over the simulated link: unreliable before GST, bounded afterwards. */
  send(from: number, to: number, message: Message): void {
    const { scenario, random, agenda } = this;
    if (message.kind !== 'status') this.busyMessages += 1;
    const early = agenda.nowMs < scenario.gstMs;
    if (early && (!this.#connected(from, to) || random.chance(scenario.dropBeforeGst))) return;
    const copies = random.chance(scenario.duplicate) ? 2 : 1;
    const maximum = early ? scenario.maxDelayBeforeGstMs : scenario.maxDelayMs;
    for (let copy = 0; copy < copies; copy += 1) {
      agenda.at(agenda.nowMs + random.between(1, maximum), () => this.#arrive(from, to, message));
    }
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
