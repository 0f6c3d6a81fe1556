/**
 * The driver of agreement: one queue of events in, effects out, strictly in the order that `consensus/effect.ts` asks.
 *
 * Every turn takes all waiting events, appends all their records, syncs the log once if a vote is among them, and only
 * then signs and sends: a vote is durable before it leaves (D1), and so is what it relies on (D2). Nothing else in the
 * process signs consensus votes. A failure of the log stops the driver for good: a validator that cannot remember
 * must not vote. Final blocks are handed on only after the log knows durably that they are final, so a ledger is never
 * ahead of its log, and a log that was put back to an earlier moment shows. The end of an epoch is durable before the
 * next one is entered, as an event of its own (R14).
 */
import { ed25519Sign } from '#primitives';
import { assertNever, type BlockHash, type Hash, type MemberIndex, type TransactionId } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import { INLINE_BODY_BYTES, type Proposal } from '../protocol/consensus/block.ts';
import { summarize } from '../protocol/consensus/body.ts';
import { type Certificate, certificateCodec } from '../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { blockId, type Header, isClosing } from '../protocol/consensus/header.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../protocol/consensus/message.ts';
import type { Status } from '../protocol/consensus/status.ts';
import type { SystemSection } from '../protocol/consensus/system.ts';
import type { Vote, VoteStatement } from '../protocol/consensus/vote.ts';
import { voteBytes } from '../protocol/consensus/vote.ts';
import type { WalRecord } from '../protocol/consensus/wal-record.ts';
import type { Verified } from '../protocol/brand.ts';
import type { Effect, FinalBlock, HaltCode } from '../consensus/effect.ts';
import type { BodyState, Event } from '../consensus/input.ts';
import { statusOf } from '../consensus/repair.ts';
import type { CoreState } from '../consensus/state.ts';
import { step } from '../consensus/step.ts';
import type { WriteAheadLog } from '../ledger/wal.ts';
import type { BodyStore } from './body-store.ts';
import { type Build, BuildHold } from './build-hold.ts';
import type { CertifiedResults } from './certified-results.ts';
import type { Epochs } from './epochs.ts';
import type { FinalBlocks } from './final-blocks.ts';
import { logRecord } from './log-records.ts';
import type { Logger } from './logger.ts';
import type { Mempool } from './mempool.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import type { SystemPool } from './system-pool.ts';
import { VoteReminders } from './vote-reminders.ts';

/** Blocks that became final, with their proof. */
export type Delivery = Extract<Effect, { kind: 'deliver' }>;

/** Pull side of agreement: asks a peer and feeds the answer back as events. */
export interface DriverRequests {
  ask(effect: Extract<Effect, { kind: 'request' }>): void;
  askResultCertificate(certHash: Hash, from: MemberIndex): void;
}

/** What the driver is made with. */
export interface ConsensusDriverOptions {
  readonly core: CoreState;
  readonly wal: WriteAheadLog;
  readonly epochs: Epochs;
  readonly network: PeerNetwork;
  readonly bodies: BodyStore;
  readonly mempool: Mempool;
  readonly system: SystemPool;
  readonly blocks: FinalBlocks;
  readonly certified: CertifiedResults;
  readonly logger: Logger;
  /** Voting stopped for good: two instances of the key, or a fork. */
  readonly onHalt: (code: HaltCode, vote: VoteStatement | undefined) => void;
  /** The log failed; the process must end. */
  readonly onFatal: (error: unknown) => void;
  /** Final blocks, with these transactions, were handed over to execution. */
  readonly onDelivered: (delivery: Delivery, transactions: readonly TransactionId[]) => void;
  /** The node is about to enter the next epoch. */
  readonly onEpoch: (anchor: EpochAnchor) => void;
  /** Called once for each piece of evidence. */
  readonly onEvidence: (evidence: Extract<Effect, { kind: 'evidence' }>['evidence']) => void;
}

/** See the module comment. */
export class ConsensusDriver implements AsyncDisposable {
  readonly #options: ConsensusDriverOptions;
  #core: CoreState;
  #requests: DriverRequests | undefined;
  #queue: Event[] = [];
  #turning: Promise<void> | undefined;
  #wake: NodeJS.Timeout | undefined;
  #toldPending = false;
  readonly #reminders = new VoteReminders();
  readonly #hold: BuildHold;
  #stopped = false;

  constructor(options: ConsensusDriverOptions) {
    this.#options = options;
    this.#core = options.core;
    this.#hold = new BuildHold(
      () => options.blocks.backlog,
      (effect) => this.#build(effect),
    );
  }

  /** The core, for reading through `consensus/query.ts` only; another one after a change of epoch. */
  get core(): CoreState {
    return this.#core;
  }

  /** Begins to take part. `quietMs`: how long to listen before casting the first vote. */
  start(requests: DriverRequests, quietMs: number): void {
    this.#requests = requests;
    this.push({ kind: 'start', quietMs });
  }

  /** Hands in an event; it is taken in the next turn. */
  push(event: Event): void {
    if (this.#stopped) return;
    this.#queue.push(event);
    this.#turning ??= this.#turn();
  }

  /** A peer was reached: it is told its own votes first, then how far we are, so that it need not wait for either. */
  greet(peer: PeerName): void {
    const member = this.#options.epochs.memberOf(peer);
    if (member === undefined || !this.#core.started || this.#stopped) return;
    this.#reminders.forget(member);
    this.remind(member, undefined);
    this.#send(member, { kind: 'status', status: statusOf(this.#core) });
  }

  /** Hands a member those of its votes that its status does not name. */
  remind(member: MemberIndex, status: Status | undefined): void {
    for (const vote of this.#reminders.due(this.#core, member, status)) this.#send(member, { kind: 'vote', vote });
  }

  /** Transactions were added to the pool. */
  tellAdded(): void {
    this.#tellPending(true);
  }

  /** Blocks came or went: tells the core whether transactions wait that no open block carries. */
  tellMempool(): void {
    this.#tellPending(this.#hasWork());
  }

  /** A block was executed: a proposal that waited for it goes on. */
  tellExecuted(): void {
    this.#hold.executed();
  }

  /** Compares with what was told last, not with the core: the event that tells it may still be waiting. */
  #tellPending(pending: boolean): void {
    if (pending === this.#toldPending) return;
    this.#toldPending = pending;
    this.push({ kind: 'mempool', pending });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#wake);
    this.#hold[Symbol.dispose]();
    await this.#turning;
  }

  async #turn(): Promise<void> {
    try {
      // Let everything that arrives in this tick share one sync.
      await Promise.resolve();
      while (this.#queue.length > 0 && !this.#stopped) await this.#takeAll();
    } catch (error) {
      this.#stopped = true;
      this.#options.onFatal(error);
    } finally {
      this.#turning = undefined;
    }
  }

  async #takeAll(): Promise<void> {
    const events = this.#queue;
    this.#queue = [];
    const effects: Exclude<Effect, { kind: 'persist' }>[] = [];
    let sync = false;
    for (const event of events) {
      const { state, effects: asked } = step(this.#core, { ...this.#withPresentBodies(event), now: now() });
      this.#core = state;
      for (const effect of asked) {
        if (effect.kind === 'persist') {
          this.#append(effect.records);
          sync ||= effect.sync;
        } else {
          sync ||= effect.kind === 'deliver';
          effects.push(effect);
        }
      }
    }
    if (sync) await this.#options.wal.sync();
    for (const effect of effects) this.#perform(effect);
    for (const event of events) this.#forgetRefused(event);
  }

  /** A body may have been forgotten between the arrival of an event and its turn: it is then fetched again. */
  #withPresentBodies(event: Event): Event {
    const { bodies } = this.#options;
    const stateOf = (id: BlockHash, header: Header, body: BodyState): BodyState =>
      body === 'present' && bodies.get(id, header) === undefined ? 'absent' : body;
    if (event.kind === 'proposal')
      return { ...event, body: stateOf(event.proposal.id, event.proposal.header, event.body) };
    if (event.kind !== 'blocks') return event;
    return {
      ...event,
      blocks: event.blocks.map((block) => Object.assign(block, { body: stateOf(block.id, block.header, block.body) })),
    };
  }

  /** What the core did not take up, such as a second proposal of a view, must not hold memory. */
  #forgetRefused(event: Event): void {
    const ids =
      event.kind === 'proposal' ? [event.proposal.id] : event.kind === 'blocks' ? event.blocks.map(({ id }) => id) : [];
    for (const id of ids) if (!this.#core.blocks.has(id)) this.#options.bodies.forget(id);
  }

  #append(records: readonly WalRecord[]): void {
    this.#options.wal.append(...records.map((record) => logRecord(this.#withBody(record))));
  }

  #withBody(record: WalRecord): WalRecord {
    if (record.kind !== 'block') return record;
    return { ...record, body: this.#options.bodies.get(blockId(record.header), record.header)?.body };
  }

  #perform(effect: Exclude<Effect, { kind: 'persist' }>): void {
    const { logger } = this.#options;
    switch (effect.kind) {
      case 'cast':
        return this.#cast(effect);
      case 'relay':
        return this.#relay(effect.certificate);
      case 'sendCertificate':
        return this.#send(effect.to, { kind: 'certificate', certificate: effect.certificate });
      case 'sendProposal':
        return this.#send(effect.to, { kind: 'proposal', proposal: this.#proposal(effect.block, effect.signature) });
      case 'broadcastStatus':
        return this.#broadcast({ kind: 'status', status: effect.status });
      case 'request':
        return this.#requests?.ask(effect);
      case 'needResultCertificate':
        return this.#requests?.askResultCertificate(effect.certHash, effect.from);
      case 'build':
        return this.#hold.want(effect, this.#core.parameters.baseTimeoutMs);
      case 'deliver':
        return this.#deliver(effect);
      case 'epochEnded':
        return this.#enter(effect.next);
      case 'discard':
        this.#options.bodies.forget(effect.block);
        return this.tellMempool();
      case 'evidence':
        this.#broadcast({ kind: 'evidence', evidence: effect.evidence });
        return this.#options.onEvidence(effect.evidence);
      case 'wake':
        return this.#wakeAt(effect.atMs);
      case 'halt':
        logger.fatal({ code: effect.code }, 'voting stopped for good');
        return this.#options.onHalt(effect.code, effect.vote);
      default:
        return assertNever(effect);
    }
  }

  #deliver(delivery: Delivery): void {
    const { blocks, following, finalization } = delivery;
    const last = blocks.at(-1);
    if (last !== undefined && isClosing(last.header)) {
      const body = this.#options.bodies.get(last.id, last.header)?.body;
      this.#options.epochs.noteClosing({ block: { ...last, body }, following, finalization });
    }
    const transactions = blocks.flatMap(({ id }) => this.#options.bodies.ids(id));
    this.#options.blocks.deliver(delivery);
    this.#options.onDelivered(delivery, transactions);
  }

  /** R14: everything of the old epoch is durable, as its log record was synced before this effect. */
  #enter(next: EpochAnchor): void {
    const { epochs, onEpoch } = this.#options;
    epochs.enter(next);
    onEpoch(next);
    this.push({ kind: 'enterEpoch', self: epochs.selfIn(next) });
  }

  /**
   * To every peer directly while all are connected, which costs a hundredth of gossip; by gossip while a link is
   * missing, so that a third node heals it (consensus design §2.13).
   */
  #relay(certificate: Certificate): void {
    const { network, epochs } = this.#options;
    const connected = new Set(network.connectedPeers());
    if (epochs.otherValidators().every((peer) => connected.has(peer))) {
      this.#broadcast({ kind: 'certificate', certificate });
      return;
    }
    void network.publish('certificates', encode(certificateCodec, certificate)).catch(() => undefined);
  }

  #cast({ vote: statement, audience, proposal }: Extract<Effect, { kind: 'cast' }>): void {
    const { self, anchor } = this.#core.config;
    const secret = this.#options.epochs.secretIn(anchor);
    if (self === undefined || secret === undefined || statement.epoch !== anchor.epoch) return;
    const signature = ed25519Sign(voteBytes(anchor.chainId, statement), secret);
    const vote = { ...statement, signer: self, signature } as Verified<Vote>;
    if (audience === 'all') {
      this.#broadcast(
        proposal === undefined
          ? { kind: 'vote', vote }
          : { kind: 'proposal', proposal: this.#proposal(proposal, signature) },
      );
    }
    this.push({ kind: 'ownVote', vote });
  }

  #proposal(block: FinalBlock, signature: Uint8Array): Proposal {
    const { header, justification, system } = block;
    const resolved = this.#options.bodies.get(block.id, header);
    const body = resolved?.body ?? [];
    const { stateCert } = header;
    return {
      header,
      justification,
      system,
      signature,
      body:
        header.bodyBytes <= INLINE_BODY_BYTES
          ? { kind: 'inline', envelopes: body }
          : { kind: 'compact', transactionIds: resolved?.ids ?? [] },
      resultCertificate: stateCert === undefined ? undefined : this.#options.certified.byHash(stateCert.certHash),
    };
  }

  #build(effect: Build): void {
    const { mempool, system, bodies, certified } = this.#options;
    const { maxBodyBytes, maxBlockTransactions } = this.#core.parameters;
    const exclude = new Set<TransactionId>(effect.ancestors.flatMap((ancestor) => bodies.ids(ancestor)));
    const chosen =
      effect.payload === 'empty'
        ? []
        : mempool.select({ maxBytes: maxBodyBytes, maxTransactions: maxBlockTransactions, exclude });
    const body = chosen.map(({ envelope }) => envelope);
    const ids = chosen.map(({ id }) => id);
    const summary = summarize(body, ids);
    bodies.putBuilt(summary.txRoot, { body, ids });
    const section = effect.payload === 'empty' ? [] : system.select(this.#openSections());
    const newest = certified.stateReference(effect.maxStateHeight);
    const stateCert =
      newest !== undefined && newest.height > (effect.stateCert?.height ?? 0) ? newest : effect.stateCert;
    this.push({
      kind: 'built',
      view: effect.view,
      parent: effect.parent,
      payload: { summary, system: section, stateCert },
    });
  }

  #hasWork(): boolean {
    const { mempool, system, bodies } = this.#options;
    if (system.hasWork(this.#openSections())) return true;
    if (mempool.size === 0) return false;
    const carried = new Set<TransactionId>();
    for (const block of this.#core.blocks.keys()) for (const id of bodies.ids(block)) carried.add(id);
    return mempool.hasOther(carried);
  }

  #openSections(): SystemSection[] {
    return [...this.#core.blocks.values()].map(({ system }) => system);
  }

  #wakeAt(atMs: number): void {
    clearTimeout(this.#wake);
    this.#wake = setTimeout(() => this.push({ kind: 'wake' }), Math.max(0, atMs - performance.now()));
  }

  #send(to: MemberIndex, message: ConsensusMessage): void {
    const peer = this.#options.epochs.peerOf(to);
    if (peer !== undefined) this.#options.network.send(peer, 'consensus', encode(consensusMessageCodec, message));
  }

  #broadcast(message: ConsensusMessage): void {
    this.#options.network.broadcast('consensus', encode(consensusMessageCodec, message));
  }
}

const now = (): { monotonicMs: number; wallMs: number } => ({ monotonicMs: performance.now(), wallMs: Date.now() });
