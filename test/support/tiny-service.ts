/**
 * The API's service over a tiny network, with one switch per lie that a test wants told.
 */
import type { BlockSummary, NodeStatus } from '../../protocol/api.ts';
import type { BlockHash, Height, PublicKey, StateRoot, TransactionId } from '../../protocol/brand.ts';
import { height } from '../../protocol/brand.ts';
import { encode } from '../../protocol/codec.ts';
import { epochProofCodec } from '../../protocol/consensus/epoch-proof.ts';
import { changeListId, type GovernanceTransaction } from '../../protocol/consensus/governance.ts';
import type { ParsedEnvelope } from '../../protocol/envelope.ts';
import type { Genesis } from '../../protocol/genesis.ts';
import { platformNotice } from '../../protocol/receipt.ts';
import { nodeErrors } from '../../node/errors.ts';
import type {
  ApiService,
  CommittedTransaction,
  KnownBlock,
  KnownTransaction,
  PendingChangeDocument,
  QueryOutcome,
  Readiness,
  SignedEpochKey,
  SubmitOptions,
  SubmitOutcome,
} from '../../node/api/service.ts';
import type { TinyBlock, TinyNetwork } from './tiny-enclave.ts';

/** What a lying or busy node does differently; everything absent is honest. */
export interface Behaviour {
  /** Bends a committed transaction on its way out. */
  bend?: (transaction: CommittedTransaction) => CommittedTransaction;
  /** Refuses with MEMPOOL_FULL this many times. */
  fullTimes?: number;
  /** Refuses with SESSION_UNKNOWN this many times, as a node that lags. */
  unknownTimes?: number;
  /** Answers queries at this height. */
  answerAt?: Height;
  answerRoot?: StateRoot;
  epochKeys?: readonly SignedEpochKey[];
  /** Claims this present epoch, and proofs of one's own choice. */
  epoch?: number;
  epochProofs?: (from: number) => readonly Uint8Array[];
  genesis?: Genesis;
  ready?: boolean;
  /** Accepts and executes only when `flush` is called. */
  hold?: boolean;
  /** Fails in the service with a plain error. */
  fail?: boolean;
}

/** See the module comment. */
export class TinyService implements ApiService {
  readonly behaviour: Behaviour;
  /** Number of envelopes of each submission, in order. */
  readonly submissions: number[] = [];
  readonly #network: TinyNetwork;
  readonly #known = new Map<TransactionId, CommittedTransaction>();
  readonly #held = new Map<TransactionId, ParsedEnvelope>();
  readonly #listeners = new Set<() => void>();
  readonly #changes: PendingChangeDocument[] = [];

  constructor(network: TinyNetwork, behaviour: Behaviour = {}) {
    this.#network = network;
    this.behaviour = behaviour;
  }

  get genesis(): Genesis {
    return this.behaviour.genesis ?? this.#network.genesis;
  }

  async submit(envelopes: readonly ParsedEnvelope[], options: SubmitOptions): Promise<readonly SubmitOutcome[]> {
    this.submissions.push(envelopes.length);
    if (this.behaviour.fail === true) throw new Error('secret detail of a failure');
    if ((this.behaviour.fullTimes ?? 0) > 0) {
      this.behaviour.fullTimes = (this.behaviour.fullTimes ?? 0) - 1;
      return envelopes.map(({ transactionId }) => ({
        kind: 'refused',
        transactionId,
        code: 'MEMPOOL_FULL',
        retryAfterSeconds: 0,
      }));
    }
    if ((this.behaviour.unknownTimes ?? 0) > 0) {
      this.behaviour.unknownTimes = (this.behaviour.unknownTimes ?? 0) - 1;
      return envelopes.map(({ transactionId }) => ({ kind: 'refused', transactionId, code: 'SESSION_UNKNOWN' }));
    }
    for (const envelope of envelopes)
      if (!this.#known.has(envelope.transactionId)) this.#held.set(envelope.transactionId, envelope);
    if (this.behaviour.hold !== true && options.waitMs > 0) this.flush();
    return envelopes.map(({ transactionId }): SubmitOutcome => {
      const known = this.#known.get(transactionId);
      if (known !== undefined) return this.#bent(known);
      if (this.#held.has(transactionId)) return { kind: 'accepted', transactionId };
      return { kind: 'refused', transactionId, code: 'TX_NOT_ADMITTED' };
    });
  }

  /** Executes what is held as one block. */
  flush(): void {
    if (this.#held.size === 0) return;
    this.commit([...this.#held.values()]);
    this.#held.clear();
  }

  /** Executes envelopes as one block and tells the streams. */
  commit(envelopes: readonly ParsedEnvelope[]): void {
    const block = this.#network.execute(envelopes);
    const proof = { height: block.statement.height, count: block.transactions.length, certificate: block.certificate };
    for (const { transactionId, index, receipt, path, outputs } of block.transactions) {
      this.#known.set(transactionId, { kind: 'committed', transactionId, block: proof, index, receipt, path, outputs });
    }
    for (const listener of [...this.#listeners]) listener();
  }

  async query(sealedQuery: Uint8Array): Promise<QueryOutcome> {
    const sealedAnswer = this.#network.answer(sealedQuery, this.behaviour.answerAt, this.behaviour.answerRoot);
    return sealedAnswer === undefined ? { kind: 'refused', code: 'QUERY_REFUSED' } : { kind: 'answered', sealedAnswer };
  }

  async transaction(id: TransactionId): Promise<KnownTransaction | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined) return this.#bent(known);
    return this.#held.has(id) ? { kind: 'pending', transactionId: id } : undefined;
  }

  async block(at: Height): Promise<KnownBlock | undefined> {
    const block = this.#network.blocks[at - 1];
    if (block === undefined) return undefined;
    return {
      summary: this.#summary(block),
      transactionIds: block.transactions.map(({ transactionId }) => transactionId),
      certificate: block.certificate,
    };
  }

  epochKeys(): readonly SignedEpochKey[] {
    return this.behaviour.epochKeys ?? this.#network.epochKeys();
  }

  epoch(): number {
    return this.behaviour.epoch ?? this.#network.anchor.epoch;
  }

  epochProofs(from: number, limit: number): readonly Uint8Array[] {
    const proofs = this.#network.ends.slice(from - 1).map(({ proof }) => encode(epochProofCodec, proof));
    return (this.behaviour.epochProofs?.(from) ?? proofs).slice(0, limit);
  }

  /** Takes what somebody has signed, once. */
  propose(transaction: GovernanceTransaction): PendingChangeDocument {
    if (transaction.signatures.length === 0) throw nodeErrors.error('GOVERNANCE_REFUSED', { rule: 'nobody signed' });
    const id = changeListId(transaction.changeList);
    const change = { id, transaction, threshold: 2, waitingFor: 'one more signature' };
    this.#changes.push(change);
    return change;
  }

  pendingChanges(): readonly PendingChangeDocument[] {
    return this.#changes;
  }

  status(): NodeStatus {
    const { genesis, chainId } = this.#network;
    return {
      version: '0.1.0',
      network: genesis.network,
      chainId,
      platform: genesis.platform,
      notice: platformNotice(genesis.platform),
      policyClass: genesis.policyClass,
      epoch: this.epoch(),
      role: 'validator',
      name: 'validator-0',
      validator: { index: 0, key: genesis.validators[0]?.validatorKey ?? ('' as PublicKey) },
      measurement: genesis.measurement,
      ready: this.ready().ready,
      reasons: [...this.ready().reasons],
      view: this.head(),
      finalizedHeight: this.head(),
      executedHeight: this.head(),
      certifiedHeight: this.head(),
      timeMs: genesis.timeMs,
      stateRoot: this.#network.stateRootAt(this.head()),
      peers: { connected: 3, validators: 3 },
      mempool: { transactions: this.#held.size, bytes: 0 },
      uptimeSeconds: 1,
    };
  }

  ready(): Readiness {
    return this.behaviour.ready === false ? { ready: false, reasons: ['NO_QUORUM'] } : { ready: true, reasons: [] };
  }

  head(): number {
    return this.#network.head;
  }

  onHead(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Streams that listen at the moment. */
  get listeners(): number {
    return this.#listeners.size;
  }

  #bent(transaction: CommittedTransaction): CommittedTransaction {
    return this.behaviour.bend?.(transaction) ?? transaction;
  }

  #summary({ statement, transactions }: TinyBlock): BlockSummary {
    return {
      height: statement.height,
      blockHash: statement.blockHash,
      parentHash: (this.#network.blocks[statement.height - 2]?.statement.blockHash ?? '00'.repeat(32)) as BlockHash,
      view: height(statement.height),
      proposer: 0,
      timeMs: statement.timeMs,
      transactionCount: transactions.length,
      bodyBytes: 0,
      stateRoot: statement.stateRoot,
    };
  }
}
