/**
 * A simulated validator: the real core, a driver that performs its effects as the production driver must, and a disk
 * that loses what was not synced. Liars and mutants change it through `Hooks`, never through the core.
 */
import type { BlockHash, Hash, Height, StateRoot, ValidatorIndex, Verified } from '../../protocol/brand.ts';
import type { Proposal } from '../../protocol/consensus/block.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../protocol/consensus/body.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { Evidence } from '../../protocol/consensus/evidence.ts';
import type { StateReference } from '../../protocol/consensus/header.ts';
import type { ConsensusRequest } from '../../protocol/consensus/request.ts';
import type { Status } from '../../protocol/consensus/status.ts';
import type { Vote, VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { domainHash, u64Bytes } from '../../protocol/hash.ts';
import type { Effect, FinalBlock } from '../../consensus/effect.ts';
import type { BodyState, CheckedBlock, CheckedProposal, Event } from '../../consensus/input.ts';
import { findBlock } from '../../consensus/query.ts';
import { restore } from '../../consensus/restart.ts';
import { basePoint, type CoreState, type FinalPoint } from '../../consensus/state.ts';
import { step } from '../../consensus/step.ts';
import {
  type Verdict,
  verifyBlock,
  verifyCertificate,
  verifyProposal,
  verifyStatus,
  verifyVote,
} from '../../consensus/verify.ts';
import { fakeVerify, GENESIS_MS, signAs } from './fake-crypto.ts';
import type { World } from './world.ts';

/** A block in an answer, with whether its body comes along. */
export interface SentBlock {
  readonly block: FinalBlock;
  readonly body: boolean;
}

/** What travels between simulated validators. */
export type Message =
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal'; readonly proposal: Proposal; readonly id: BlockHash; readonly body: boolean }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'status'; readonly status: Status }
  | { readonly kind: 'request'; readonly request: ConsensusRequest }
  | { readonly kind: 'blocks'; readonly blocks: readonly SentBlock[]; readonly finalization: Certificate | undefined }
  | { readonly kind: 'body'; readonly block: BlockHash };

/** How liars and mutants deviate from the honest driver. */
export interface Hooks {
  /** Takes over an effect; true when it was handled. */
  effect?(node: SimNode, effect: Effect): boolean;
  /** Sees every message that arrives; true when it was swallowed. */
  message?(node: SimNode, message: Message, from: number): boolean;
  /** Changes an input before the core sees it. */
  event?(node: SimNode, event: Event): Event;
  /** Changes the records that reach the disk, or that are read back. */
  records?(records: readonly WalRecord[]): readonly WalRecord[];
}

interface LedgerEntry {
  readonly block: FinalBlock;
  readonly finalization: Certificate;
  /** Height at which the finalization proves this entry. */
  readonly provenAt: number;
}

const voteKey = (vote: VoteStatement): string => `${vote.kind}:${vote.view}:${vote.hash}`;
const proposals = new WeakMap<Proposal, Verdict<CheckedProposal>>();
const genuine = new WeakSet<object>();

/** One simulated validator. */
export class SimNode {
  readonly index: ValidatorIndex;
  readonly #world: World;
  readonly #hooks: readonly Hooks[];
  core: CoreState | undefined;
  #incarnation = 0;
  #bootMs = 0;
  readonly log: WalRecord[] = [];
  #synced = 0;
  readonly #durableVotes = new Set<string>();
  readonly ledger: LedgerEntry[] = [];
  readonly #byId = new Map<BlockHash, FinalBlock>();
  readonly bodies = new Set<BlockHash>();
  readonly waiting = new Set<number>();
  #toldPending = false;
  #barrierMs = 0;
  #wakeOrder = 0;
  #outbox: { readonly readyMs: number; readonly effects: readonly Effect[] }[] = [];
  #draining = false;
  #building: number[] = [];
  readonly skewMs: number;

  constructor(world: World, index: number, hooks: readonly Hooks[]) {
    this.#world = world;
    this.index = index as ValidatorIndex;
    this.#hooks = hooks;
    this.skewMs = world.random.between(-world.scenario.clockSkewMs, world.scenario.clockSkewMs);
  }

  get world(): World {
    return this.#world;
  }

  get up(): boolean {
    return this.core !== undefined;
  }

  /** Loses memory and everything not synced. */
  crash(): void {
    this.core = undefined;
    this.#incarnation += 1;
    this.log.length = this.#synced + this.#world.random.below(this.log.length - this.#synced + 1);
    this.#synced = this.log.length;
    for (const record of this.log) if (record.kind === 'vote') this.#durableVotes.add(voteKey(record.vote));
    this.waiting.clear();
    this.#outbox = [];
    this.#toldPending = false;
  }

  /** Starts, or starts again from disk. */
  boot(): void {
    if (this.core !== undefined) return;
    const { agenda, parameters, anchor } = this.#world;
    this.#bootMs = agenda.nowMs;
    this.#barrierMs = agenda.nowMs;
    let records: readonly WalRecord[] = this.log;
    for (const hooks of this.#hooks) records = hooks.records?.(records) ?? records;
    const withBodies = records.map((record) => this.#withBody(record));
    this.core = restore({ anchor, self: this.index, parameters }, this.#tip(), withBodies);
    this.input({ kind: 'start', quietMs: 0 });
  }

  #withBody(record: WalRecord): WalRecord {
    if (record.kind !== 'block' || !this.bodies.has(this.#world.idOf(record.header))) return record;
    return { ...record, body: [] };
  }

  #tip(): FinalPoint {
    const entry = this.ledger.at(-1);
    if (entry === undefined) return basePoint(this.#world.anchor);
    const { view, height, timeMs, stateCert } = entry.block.header;
    return { id: entry.block.id, view, height, timeMs, stateCert, finalization: entry.finalization };
  }

  /** Hands one event to the core and performs what it asks for. */
  input(event: Event): void {
    const { core } = this;
    if (core === undefined) return;
    let changed = event;
    for (const hooks of this.#hooks) changed = hooks.event?.(this, changed) ?? changed;
    this.#world.events += 1;
    const nowMs = this.#world.agenda.nowMs;
    const now = {
      monotonicMs: nowMs - this.#bootMs + 1_000,
      wallMs: GENESIS_MS + 1_000 + Math.floor(nowMs + this.skewMs),
    };
    this.#perform(step(core, { now, ...changed }).effects);
  }

  #perform(effects: readonly Effect[]): void {
    const { agenda, random } = this.#world;
    const first = effects[0];
    if (first?.kind === 'persist') {
      for (const record of first.records) this.log.push(record);
      if (first.sync) this.#sync(this.log.length, random.between(0.1, 4));
    }
    if (effects.length === (first?.kind === 'persist' ? 1 : 0)) return;
    this.#outbox.push({ readyMs: this.#barrierMs, effects });
    if (this.#barrierMs <= agenda.nowMs) return this.#drain();
    const incarnation = this.#incarnation;
    agenda.at(this.#barrierMs, () => {
      if (incarnation === this.#incarnation) this.#drain();
    });
  }

  /** Performs effects strictly in the order of their steps, as far as what they rely on is durable. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (
      let next = this.#outbox[0];
      next !== undefined && next.readyMs <= this.#world.agenda.nowMs;
      next = this.#outbox[0]
    ) {
      this.#outbox.shift();
      for (const effect of next.effects) this.#performOne(effect);
    }
    this.#draining = false;
  }

  #sync(length: number, takesMs: number): void {
    const { agenda } = this.#world;
    this.#barrierMs = Math.max(this.#barrierMs, agenda.nowMs) + takesMs;
    const incarnation = this.#incarnation;
    agenda.at(this.#barrierMs, () => {
      if (incarnation !== this.#incarnation) return;
      for (let i = this.#synced; i < length; i += 1) {
        const record = this.log[i];
        if (record?.kind === 'vote') this.#durableVotes.add(voteKey(record.vote));
      }
      this.#synced = Math.max(this.#synced, length);
    });
  }

  #performOne(effect: Effect): void {
    for (const hooks of this.#hooks) if (hooks.effect?.(this, effect) === true) return;
    const honest = this.#world.isHonest(this.index);
    const { checks } = this.#world;
    switch (effect.kind) {
      case 'persist':
        return;
      case 'cast':
        return this.cast(effect.vote, effect.audience, effect.proposal);
      case 'relay':
        if (honest) checks.certificate(effect.certificate);
        return this.broadcast({ kind: 'certificate', certificate: effect.certificate });
      case 'sendCertificate':
        return this.send(effect.to, { kind: 'certificate', certificate: effect.certificate });
      case 'sendProposal':
        return this.send(effect.to, this.proposalMessage(effect.block, effect.signature));
      case 'broadcastStatus':
        return this.broadcast({ kind: 'status', status: effect.status });
      case 'request':
        return this.send(effect.to, { kind: 'request', request: effect.request });
      case 'needResultCertificate':
        return this.#findResult(effect.certHash);
      case 'build':
        return this.#build(effect);
      case 'deliver':
        return this.#deliver(effect.blocks, effect.finalization);
      case 'discard':
        for (const transaction of this.#world.bodyOf(effect.block)) this.waiting.add(transaction);
        return this.tellPending();
      case 'evidence':
        return honest && this.#world.checksVotes ? checks.evidence(effect.evidence as Evidence) : undefined;
      case 'wake':
        return this.#wakeAt(effect.atMs);
      case 'halt':
        if (honest) return checks.halt(this.index, effect.code);
        // A liar does not mind that its key votes twice.
        if (this.core !== undefined) this.core.halted = false;
        return;
    }
  }

  /** Signs, sends and hands back a vote, with the proposal that it signs. */
  cast(statement: VoteStatement, audience: 'all' | 'none', proposal: FinalBlock | undefined): void {
    const vote: Vote = { ...statement, signer: this.index, signature: signAs(this.index, statement) };
    genuine.add(vote);
    const { checks, checksVotes } = this.#world;
    if (checksVotes && this.#world.isHonest(this.index)) checks.vote(vote, this.#durableVotes.has(voteKey(statement)));
    if (proposal !== undefined) this.#addOwnBody(proposal.id);
    if (audience === 'all') {
      this.broadcast(proposal === undefined ? { kind: 'vote', vote } : this.proposalMessage(proposal, vote.signature));
    }
    this.input({ kind: 'ownVote', vote: vote as Verified<Vote> });
  }

  #addOwnBody(id: BlockHash): void {
    this.#world.setBody(id, this.#building);
    this.bodies.add(id);
    for (const transaction of this.#building) this.waiting.delete(transaction);
    this.tellPending();
  }

  /** The proposal message of a block. */
  proposalMessage(block: FinalBlock, signature: Uint8Array): Message {
    const proposal: Proposal = {
      header: block.header,
      justification: block.justification,
      signature,
      body: { kind: 'compact', transactionIds: [] },
      resultCertificate: undefined,
    };
    return {
      kind: 'proposal',
      proposal,
      id: block.id,
      body: !this.#world.random.chance(this.#world.scenario.compactBodies),
    };
  }

  broadcast(message: Message): void {
    for (let to = 0; to < this.#world.scenario.validators; to += 1) if (to !== this.index) this.send(to, message);
  }

  send(to: number, message: Message): void {
    this.#world.send(this.index, to, message);
  }

  #wakeAt(atMs: number): void {
    this.#wakeOrder += 1;
    const order = this.#wakeOrder;
    const incarnation = this.#incarnation;
    this.#world.agenda.at(atMs + this.#bootMs - 1_000, () => {
      if (order === this.#wakeOrder && incarnation === this.#incarnation) this.input({ kind: 'wake' });
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
    const executed = Math.min(this.ledger.length - 2, maxStateHeight);
    const stateCert = executed > (known?.height ?? 0) ? resultAt(executed) : known;
    const txCount = this.#building.length;
    const txRoot = txCount === 0 ? EMPTY_TRANSACTION_ROOT : domainHash('sim', ...this.#building.map(u64Bytes));
    const payload = { summary: { txRoot, txCount, bodyBytes: txCount * 512 }, stateCert };
    this.input({ kind: 'built', view, parent, payload });
  }

  /** A result certificate exists once some validator has delivered the height; fetching it takes a moment. */
  #findResult(certHash: Hash): void {
    const { agenda, random, checks } = this.#world;
    const incarnation = this.#incarnation;
    const result = resultAt(Number.parseInt(certHash, 16));
    agenda.at(agenda.nowMs + random.between(1, 20), () => {
      if (incarnation !== this.#incarnation) return;
      if (result.height <= checks.chain.length) this.input({ kind: 'resultCertificate', verdict: 'valid', ...result });
      else this.input({ kind: 'resultCertificate', verdict: 'invalid', certHash });
    });
  }

  #deliver(blocks: readonly FinalBlock[], finalization: Certificate): void {
    if (this.#world.isHonest(this.index))
      this.#world.checks.deliver(this.index, this.ledger.length + 1, blocks, finalization);
    const provenAt = this.ledger.length + blocks.length;
    for (const block of blocks) {
      this.ledger.push({ block, finalization, provenAt });
      this.#byId.set(block.id, block);
      for (const transaction of this.#world.bodyOf(block.id)) this.waiting.delete(transaction);
    }
    this.tellPending();
    this.#world.delivered(this);
  }

  /** A transaction reaches this validator's pool. */
  offer(transaction: number): void {
    if (!this.up) return;
    this.waiting.add(transaction);
    this.tellPending();
  }

  /** Tells the core when the pool becomes empty or not empty. */
  tellPending(): void {
    const pending = this.waiting.size > 0;
    if (pending === this.#toldPending || !this.up) return;
    this.#toldPending = pending;
    this.input({ kind: 'mempool', pending });
  }

  /** A message arrives. */
  receive(message: Message, from: number): void {
    if (!this.up) return;
    for (const hooks of this.#hooks) if (hooks.message?.(this, message, from) === true) return;
    this.#take(message, from as ValidatorIndex);
  }

  #verifier() {
    return { set: this.#world.anchor, verifySignature: fakeVerify, state: undefined };
  }

  #take(message: Message, from: ValidatorIndex): void {
    switch (message.kind) {
      case 'vote': {
        if (!isGenuine(message.vote, () => verifyVote(this.#verifier(), message.vote))) return;
        return this.input({ kind: 'vote', vote: message.vote as Verified<Vote>, from });
      }
      case 'certificate': {
        if (!isGenuine(message.certificate, () => verifyCertificate(this.#verifier(), message.certificate))) return;
        return this.input({ kind: 'certificate', certificate: message.certificate as Verified<Certificate>, from });
      }
      case 'status': {
        if (!isGenuine(message.status, () => verifyStatus(this.#verifier(), message.status, from))) return;
        return this.input({ kind: 'status', status: message.status as Verified<Status>, from });
      }
      case 'proposal':
        return this.#takeProposal(message.proposal, message.id, message.body, from);
      case 'request':
        return this.#serve(message.request, from);
      case 'blocks':
        return this.#takeBlocks(message.blocks, message.finalization, from);
      case 'body':
        return this.#takeBody(message.block);
    }
  }

  #takeProposal(proposal: Proposal, id: BlockHash, body: boolean, from: ValidatorIndex): void {
    let verdict = proposals.get(proposal);
    if (verdict === undefined) {
      verdict = verifyProposal(this.#verifier(), proposal);
      proposals.set(proposal, verdict);
    }
    if (verdict.verdict === 'reject') return;
    const state = body ? this.#storeBody(id) : this.bodies.has(id) ? 'present' : 'absent';
    if (state === 'absent' && proposal.header.txCount > 0)
      this.send(from, { kind: 'request', request: { kind: 'getBody', block: id } });
    this.input({ kind: 'proposal', proposal: verdict.value, body: state, from });
  }

  #storeBody(id: BlockHash): BodyState {
    if (this.#world.badBodies.has(id)) return 'invalid';
    this.bodies.add(id);
    for (const transaction of this.#world.bodyOf(id)) this.waiting.delete(transaction);
    this.tellPending();
    return 'present';
  }

  #takeBlocks(blocks: readonly SentBlock[], finalization: Certificate | undefined, from: ValidatorIndex): void {
    const checked: (Verified<CheckedBlock> & { body: BodyState })[] = [];
    for (const { block, body } of blocks) {
      const verdict = verifyBlock(block);
      if (verdict.verdict === 'reject') return;
      checked.push({ ...verdict.value, body: body ? this.#storeBody(block.id) : 'absent' } as Verified<CheckedBlock> & {
        body: BodyState;
      });
    }
    if (finalization !== undefined && !isGenuine(finalization, () => verifyCertificate(this.#verifier(), finalization)))
      return;
    this.input({
      kind: 'blocks',
      blocks: checked,
      finalization: finalization as Verified<Certificate> | undefined,
      from,
    });
  }

  #takeBody(block: BlockHash): void {
    const state = this.#storeBody(block);
    if (state !== 'absent') this.input({ kind: 'body', block, body: state });
  }

  #serve(request: ConsensusRequest, from: ValidatorIndex): void {
    if (request.kind === 'getBody') {
      if (this.bodies.has(request.block)) this.send(from, { kind: 'body', block: request.block });
    } else if (request.kind === 'getHeader') {
      const known = this.core === undefined ? undefined : findBlock(this.core, request.block);
      const block = known ?? this.#byId.get(request.block);
      if (block === undefined) return;
      const { id, header, justification } = block;
      this.send(from, {
        kind: 'blocks',
        blocks: [{ block: { id, header, justification }, body: this.bodies.has(id) }],
        finalization: undefined,
      });
    } else if (request.kind === 'getBlocks') {
      this.#serveRange(request.from, request.to, from);
    }
  }

  #serveRange(first: number, last: number, to: ValidatorIndex): void {
    const start = this.ledger[first - 1];
    if (start === undefined) return;
    let end = start;
    for (
      let height = start.provenAt;
      height <= last;
      height = this.ledger[height]?.provenAt ?? Number.POSITIVE_INFINITY
    ) {
      end = this.ledger[height - 1] ?? end;
    }
    const blocks = this.ledger
      .slice(first - 1, end.provenAt)
      .map(({ block }) => ({ block, body: this.bodies.has(block.id) }));
    this.send(to, { kind: 'blocks', blocks, finalization: end.finalization });
  }
}

const resultAt = (at: number): StateReference => {
  const certHash = at.toString(16).padStart(64, '0') as Hash;
  return { height: at as Height, root: certHash as StateRoot, certHash };
};

const isGenuine = (value: object, check: () => { readonly verdict: 'accept' | 'reject' }): boolean => {
  if (genuine.has(value)) return true;
  if (check().verdict === 'reject') return false;
  genuine.add(value);
  return true;
};
