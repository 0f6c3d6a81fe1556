/**
 * A simulated validator or observer: the real core, a driver that performs its effects as the production driver must,
 * and a disk that loses what was not synced. Liars and mutants change it through `Hooks`, never through the core.
 */
import type { BlockHash, Hash, MemberIndex, ValidatorIndex, Verified } from '../../protocol/brand.ts';
import type { Proposal } from '../../protocol/consensus/block.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../protocol/consensus/body.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId } from '../../protocol/consensus/header.ts';
import type { Vote, VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { domainHash, u64Bytes } from '../../protocol/hash.ts';
import type { Effect, FinalBlock } from '../../consensus/effect.ts';
import type { Event } from '../../consensus/input.ts';
import { restore } from '../../consensus/restart.ts';
import type { CoreState } from '../../consensus/state.ts';
import { step } from '../../consensus/step.ts';
import { fakeGovernance, fakeVerify, GENESIS_MS, keyOf, machineOf, resultAt, signAs } from './fake-crypto.ts';
import { markGenuine } from './genuine.ts';
import { Exchange, type Message } from './sim-exchange.ts';
import { Outbox } from './outbox.ts';
import { SimDisk } from './sim-disk.ts';
import type { World } from './world.ts';

/** Largest distance of a clock from true time on a network that is whole. */
const HEALED_SKEW_MS = 200;

/** How liars and mutants deviate from the honest driver. */
export interface Hooks {
  /** Takes over an effect; true when it was handled. */
  effect?(node: SimNode, effect: Effect): boolean;
  /** Sees every message that arrives; true when it was swallowed. */
  message?(node: SimNode, message: Message, from: number): boolean;
  /** Changes an input before the core sees it. */
  event?(node: SimNode, event: Event): Event;
}

/** One simulated machine. */
export class SimNode {
  /** Number of the machine, the same in every epoch. */
  readonly machine: number;
  readonly world: World;
  readonly disk: SimDisk;
  readonly bodies = new Set<BlockHash>();
  readonly waiting = new Set<number>();
  /** Encoded system transactions that wait. */
  readonly system = new Map<string, Uint8Array>();
  readonly #skewMs: number;
  core: CoreState | undefined;
  readonly #hooks: readonly Hooks[];
  readonly #exchange: Exchange;
  #incarnation = 0;
  #bootMs = 0;
  #toldPending = false;
  #barrierMs = 0;
  #wakeOrder = 0;
  readonly #outbox = new Outbox(
    (effect) => this.#performOne(effect),
    () => this.crash(),
  );
  #building: number[] = [];

  constructor(world: World, machine: number, hooks: readonly Hooks[]) {
    this.world = world;
    this.machine = machine;
    this.#hooks = hooks;
    this.disk = new SimDisk(world.genesis);
    this.#exchange = new Exchange(this);
    this.#skewMs = world.random.between(-world.scenario.clockSkewMs, world.scenario.clockSkewMs);
  }

  get up(): boolean {
    return this.core !== undefined;
  }

  /** The epoch that this node is in. */
  get anchor(): EpochAnchor {
    return this.core?.config.anchor ?? this.disk.tip().anchor;
  }

  /** Own position among the validators of an epoch. */
  selfIn(anchor: EpochAnchor): ValidatorIndex | undefined {
    const index = anchor.validatorKeys.indexOf(keyOf(this.machine));
    return index < 0 ? undefined : (index as ValidatorIndex);
  }

  /** Milliseconds on this machine's own calendar, which is put right when the network heals. */
  get wallMs(): number {
    const { agenda, scenario } = this.world;
    const healed = agenda.nowMs >= scenario.gstMs;
    const skewMs = healed ? Math.max(-HEALED_SKEW_MS, Math.min(HEALED_SKEW_MS, this.#skewMs)) : this.#skewMs;
    return GENESIS_MS + 1_000 + Math.floor(agenda.nowMs + skewMs);
  }

  /** Crashes after some more effects: between any two of them. */
  crashAfter(effects: number): void {
    this.#outbox.crashAfter(effects);
  }

  /** Loses memory and everything not synced. */
  crash(): void {
    if (this.core === undefined) return;
    this.core = undefined;
    this.#incarnation += 1;
    if (this.disk.crash(this.world.random)) this.world.counts.add('fault: lost writes');
    this.waiting.clear();
    this.system.clear();
    this.#outbox.clear();
    this.#toldPending = false;
  }

  /** Starts, or starts again from disk. */
  boot(): void {
    this.#outbox.crashAfter(undefined);
    if (this.core !== undefined || this.disk.isFull) return;
    const { agenda } = this.world;
    this.#bootMs = agenda.nowMs;
    this.#barrierMs = agenda.nowMs;
    const { anchor, finalized } = this.disk.tip();
    const withBodies = this.disk.log.map((record) => this.#withBody(record));
    const config = {
      anchor,
      self: this.selfIn(anchor),
      governance: fakeGovernance,
      verifySignature: fakeVerify,
    };
    this.core = restore(config, finalized, withBodies, this.disk.recent());
    this.input({ kind: 'start', quietMs: 0 });
  }

  #withBody(record: WalRecord): WalRecord {
    if (record.kind !== 'block' || !this.bodies.has(blockId(record.header))) return record;
    return { ...record, body: [] };
  }

  /** Hands one event to the core and performs what it asks for. */
  input(event: Event): void {
    const { core } = this;
    if (core === undefined) return;
    let changed = event;
    for (const hooks of this.#hooks) changed = hooks.event?.(this, changed) ?? changed;
    const { world } = this;
    const view = core.current;
    const now = { monotonicMs: world.agenda.nowMs - this.#bootMs + 1_000, wallMs: this.wallMs };
    const { state, effects } = step(core, { now, ...changed });
    this.core = state;
    world.record.step(this.machine, event, effects, state.current !== view);
    if (event.kind === 'enterEpoch') this.#entered();
    this.#perform(effects);
  }

  /** The pool keeps only what may still be carried. */
  #entered(): void {
    this.system.clear();
    this.tellPending();
  }

  #perform(effects: readonly Effect[]): void {
    const { agenda, random, checks } = this.world;
    const { log } = this.disk;
    const isHonest = this.world.isHonest(this.machine);
    const first = effects[0];
    if (first?.kind === 'persist') {
      if (first.sync && this.disk.isFull) return this.crash();
      for (const record of first.records) {
        log.push(record);
        if (record.kind === 'certificate' && isHonest) checks.certificate(record.certificate);
      }
      if (first.sync) this.#sync(log.length, random.between(0.1, 4));
    }
    if (effects.length === (first?.kind === 'persist' ? 1 : 0)) return;
    this.#outbox.push(this.#barrierMs, effects);
    if (this.#barrierMs <= agenda.nowMs) this.#outbox.drain(agenda.nowMs);
    else this.later(this.#barrierMs, () => this.#outbox.drain(agenda.nowMs));
  }

  /** Does something at a time unless the node has crashed by then. */
  later(atMs: number, run: () => void): void {
    const incarnation = this.#incarnation;
    this.world.agenda.at(atMs, () => {
      if (incarnation === this.#incarnation) run();
    });
  }

  #sync(length: number, takesMs: number): void {
    this.#barrierMs = Math.max(this.#barrierMs, this.world.agenda.nowMs) + takesMs;
    this.later(this.#barrierMs, () => this.disk.synced(length));
  }

  #performOne(effect: Effect): void {
    for (const hooks of this.#hooks) if (hooks.effect?.(this, effect) === true) return;
    const { checks, record } = this.world;
    const honest = this.world.isHonest(this.machine);
    if (honest) record.effect(effect);
    switch (effect.kind) {
      case 'persist':
        return;
      case 'cast':
        return this.cast(effect.vote, effect.audience, effect.proposal);
      case 'relay':
        return this.broadcast({ kind: 'certificate', certificate: effect.certificate });
      case 'sendCertificate':
        return this.sendTo(effect.to, { kind: 'certificate', certificate: effect.certificate });
      case 'sendProposal':
        return this.sendTo(effect.to, this.proposalMessage(effect.block, effect.signature));
      case 'broadcastStatus':
        return this.broadcast({ kind: 'status', status: effect.status });
      case 'request':
        return this.sendTo(effect.to, { kind: 'request', request: effect.request });
      case 'needResultCertificate':
        return this.#findResult(effect.certHash);
      case 'build':
        return this.#build(effect);
      case 'deliver':
        return this.#deliver(effect);
      case 'epochEnded':
        return this.#endEpoch(effect.next);
      case 'discard':
        for (const transaction of this.world.bodyOf(effect.block)) this.waiting.add(transaction);
        return this.tellPending();
      case 'evidence':
        return honest && this.world.checksVotes ? checks.evidence(effect.evidence, this.anchor) : undefined;
      case 'wake':
        return this.#wakeAt(effect.atMs);
      case 'halt':
        if (honest) return checks.halt(this.machine, effect.code);
        // A liar does not mind that its key votes twice.
        if (this.core !== undefined) this.core.halted = false;
        return;
    }
  }

  /** Signs, sends and hands back a vote, with the proposal that it signs. */
  cast(statement: VoteStatement, audience: 'all' | 'none', proposal: FinalBlock | undefined): void {
    const signer = this.selfIn(this.anchor);
    if (signer === undefined || statement.epoch !== this.anchor.epoch) return;
    const vote: Vote = { ...statement, signer, signature: signAs(this.machine, statement) };
    markGenuine(vote);
    const { checks, checksVotes } = this.world;
    if (checksVotes && this.world.isHonest(this.machine))
      checks.vote(vote, this.machine, this.disk.isDurable(statement));
    if (proposal !== undefined) this.#addOwnBody(proposal.id);
    if (audience === 'all') {
      this.broadcast(proposal === undefined ? { kind: 'vote', vote } : this.proposalMessage(proposal, vote.signature));
    }
    this.input({ kind: 'ownVote', vote: vote as Verified<Vote> });
  }

  #addOwnBody(id: BlockHash): void {
    this.world.setBody(id, this.#building);
    this.bodies.add(id);
    for (const transaction of this.#building) this.waiting.delete(transaction);
    this.tellPending();
  }

  /** The proposal message of a block. */
  proposalMessage(block: FinalBlock, signature: Uint8Array): Message {
    const proposal: Proposal = {
      header: block.header,
      justification: block.justification,
      system: block.system,
      signature,
      body: { kind: 'compact', transactionIds: [] },
      resultCertificate: undefined,
    };
    return {
      kind: 'proposal',
      proposal,
      id: block.id,
      body: !this.world.random.chance(this.world.scenario.compactBodies),
    };
  }

  /** Sends to every other member of the node's epoch. */
  broadcast(message: Message): void {
    const { validators, observers } = this.anchor.configuration;
    for (const member of validators) this.send(machineOf(member), message);
    for (const member of observers) this.send(machineOf(member), message);
  }

  /** Sends to a member of the node's epoch by its position. */
  sendTo(member: MemberIndex, message: Message): void {
    const { validators, observers } = this.anchor.configuration;
    const entry = validators[member] ?? observers[member - validators.length];
    if (entry !== undefined) this.send(machineOf(entry), message);
  }

  /** Sends to a machine. */
  send(machine: number, message: Message): void {
    if (machine !== this.machine) this.world.send(this, machine, message);
  }

  #wakeAt(atMs: number): void {
    this.#wakeOrder += 1;
    const order = this.#wakeOrder;
    this.later(atMs + this.#bootMs - 1_000, () => {
      if (order === this.#wakeOrder) this.input({ kind: 'wake' });
    });
  }

  /** Execution follows delivery by two blocks; its results are the same everywhere. */
  #build({
    view,
    parent,
    payload: wanted,
    stateCert: known,
    maxStateHeight,
  }: Extract<Effect, { kind: 'build' }>): void {
    this.#building = wanted === 'any' ? [...this.waiting].slice(0, 20) : [];
    const executed = Math.min(this.disk.ledger.length - 2, maxStateHeight);
    const stateCert = executed > (known?.height ?? 0) ? resultAt(executed) : known;
    const txCount = this.#building.length;
    const txRoot = txCount === 0 ? EMPTY_TRANSACTION_ROOT : domainHash('sim', ...this.#building.map(u64Bytes));
    const system = wanted === 'any' ? [...this.system.values()].slice(0, 1) : [];
    const payload = { summary: { txRoot, txCount, bodyBytes: txCount * 512 }, system, stateCert };
    this.input({ kind: 'built', view, parent, payload });
  }

  /** A result certificate exists once some validator has delivered the height; fetching it takes a moment. */
  #findResult(certHash: Hash): void {
    const { agenda, random, checks } = this.world;
    const result = resultAt(Number.parseInt(certHash, 16));
    this.later(agenda.nowMs + random.between(1, 20), () => {
      if (result.height <= checks.chain.length) this.input({ kind: 'resultCertificate', verdict: 'valid', ...result });
      else this.input({ kind: 'resultCertificate', verdict: 'invalid', certHash });
    });
  }

  #deliver(delivery: Extract<Effect, { kind: 'deliver' }>): void {
    const { blocks, following, finalization } = delivery;
    const { checks } = this.world;
    const from = this.disk.ledger.length + 1;
    if (this.world.isHonest(this.machine))
      checks.deliver(this.machine, from, this.anchor, blocks, following, finalization);
    this.disk.store(delivery);
    const ended = this.core?.ended;
    // As the production node reads its epochs from the ledger, a stored closing block has ended its epoch.
    if (ended !== undefined && blocks.at(-1)?.id === ended.closing.id) this.disk.epochs.push(ended.next);
    for (const block of blocks) for (const transaction of this.world.bodyOf(block.id)) this.waiting.delete(transaction);
    this.tellPending();
    this.world.delivered(this);
  }

  /** R14 as an event of its own, after everything before it. */
  #endEpoch(next: EpochAnchor): void {
    this.later(this.world.agenda.nowMs, () => this.input({ kind: 'enterEpoch', self: this.selfIn(next) }));
  }

  /** A transaction reaches this machine's pool. */
  offer(transaction: number): void {
    if (!this.up) return;
    this.waiting.add(transaction);
    this.tellPending();
  }

  /** A system transaction reaches this machine's pool; a newer version replaces an older one. */
  offerSystem(id: string, encoded: Uint8Array): void {
    if (!this.up) return;
    this.system.set(id, encoded);
    this.tellPending();
  }

  /** Tells the core when the pool becomes empty or not empty. */
  tellPending(): void {
    const pending = this.waiting.size > 0 || this.system.size > 0;
    if (pending === this.#toldPending || !this.up) return;
    this.#toldPending = pending;
    this.input({ kind: 'mempool', pending });
  }

  /** A message arrives from a machine. */
  receive(message: Message, from: number): void {
    if (!this.up) return;
    for (const hooks of this.#hooks) if (hooks.message?.(this, message, from) === true) return;
    this.#exchange.take(message, from);
  }

  /** Notes a body that arrived. */
  storeBody(id: BlockHash): 'present' | 'invalid' {
    if (this.world.badBodies.has(id)) return 'invalid';
    this.bodies.add(id);
    for (const transaction of this.world.bodyOf(id)) this.waiting.delete(transaction);
    this.tellPending();
    return 'present';
  }
}
