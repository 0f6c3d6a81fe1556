/** The node as its HTTP layer sees it: reads from the ledger, hands submissions and queries on, tells how it is doing. */
import type { BlockSummary, NodeStatus } from '../protocol/api.ts';
import { type Height, height as asHeight, type StateRoot, type TransactionId } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import { epochProofCodec } from '../protocol/consensus/epoch-proof.ts';
import { changeListId, type GovernanceTransaction } from '../protocol/consensus/governance.ts';
import type { ChainId } from '../protocol/brand.ts';
import { isCloisterError } from '../protocol/errors.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { platformNotice } from '../protocol/receipt.ts';
import { MAX_RESULT_CERTIFICATE_BYTES, resultCertificateCodec, resultStatementCodec } from '../protocol/result.ts';
import type { ParsedEnvelope } from '../protocol/envelope.ts';
import { currentView, finalizedPoint, provenHeight } from '../consensus/query.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { apiErrors } from './api/errors.ts';
import type {
  ApiService,
  KnownBlock,
  KnownTransaction,
  PendingChangeDocument,
  QueryOutcome,
  Readiness,
  SignedEpochKey,
  SubmitOptions,
  SubmitOutcome,
} from './api/service.ts';
import type { ConsensusDriver } from './consensus-driver.ts';
import type { EpochKeyCollection } from './enclave-messages.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';
import type { Epochs } from './epochs.ts';
import { nodeErrors } from './errors.ts';
import type { CertifiedResults } from './certified-results.ts';
import type { Mempool } from './mempool.ts';
import type { PeerNetwork } from './network/network.ts';
import { readHeaderRecord } from './stored-blocks.ts';
import type { SyncMeter } from './sync-progress.ts';
import type { SystemPool } from './system-pool.ts';
import type { Transactions } from './transactions.ts';

/** What the service reads. */
export interface NodeServiceOptions {
  readonly version: string;
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly epochs: Epochs;
  readonly ledger: Ledger;
  readonly driver: ConsensusDriver;
  readonly certified: CertifiedResults;
  /** Undefined for an observer. */
  readonly enclave: EnclaveSupervisor | undefined;
  readonly epochKeys: EpochKeyCollection;
  readonly mempool: Mempool;
  readonly network: PeerNetwork;
  readonly transactions: Transactions;
  readonly system: SystemPool;
  readonly sync: SyncMeter;
  /** Whether voting stopped for good. */
  readonly halted: () => boolean;
}

/** Blocks by which execution may lag before the node calls itself behind. */
const MAX_LAG_BLOCKS = 16;
/** State root before the first block. */
const NO_STATE = '0'.repeat(64) as StateRoot;

/** See the module comment. */
export class NodeService implements ApiService {
  readonly genesis: Genesis;
  readonly #options: NodeServiceOptions;
  readonly #listeners = new Set<() => void>();

  constructor(options: NodeServiceOptions) {
    this.#options = options;
    this.genesis = options.genesis;
  }

  async submit(envelopes: readonly ParsedEnvelope[], options: SubmitOptions): Promise<readonly SubmitOutcome[]> {
    if (this.#options.enclave === undefined) throw apiErrors.error('OBSERVER_ONLY');
    return this.#options.transactions.submit(envelopes, options);
  }

  async query(sealedQuery: Uint8Array): Promise<QueryOutcome> {
    const { enclave } = this.#options;
    if (enclave === undefined) return { kind: 'refused', code: 'OBSERVER_ONLY' };
    if (!enclave.isFresh || this.#quorumMissing()) return { kind: 'refused', code: 'NOT_READY' };
    try {
      const { sealedAnswer } = await enclave.current().call('query', { sealedQuery });
      return { kind: 'answered', sealedAnswer };
    } catch (error) {
      if (!isCloisterError(error)) throw error;
      return { kind: 'refused', code: error.retryable ? 'NOT_READY' : 'QUERY_REFUSED' };
    }
  }

  async transaction(id: TransactionId): Promise<KnownTransaction | undefined> {
    const { transactions } = this.#options;
    const committed = transactions.committed(id);
    if (committed !== undefined && committed !== 'uncertified') return committed;
    return transactions.isPending(id) ? { kind: 'pending', transactionId: id } : undefined;
  }

  async block(height: Height): Promise<KnownBlock | undefined> {
    const { ledger } = this.#options;
    if (height > this.head()) return undefined;
    const record = readHeaderRecord(ledger, height);
    const blockHash = ledger.readBlockHash(height);
    if (record === undefined || blockHash === undefined) return undefined;
    const { header } = record;
    const certificate = ledger.readResultCertificate(height);
    const stateRoot =
      certificate === undefined
        ? undefined
        : decode(resultCertificateCodec, certificate, MAX_RESULT_CERTIFICATE_BYTES).statement.stateRoot;
    const summary: BlockSummary = {
      height,
      blockHash,
      parentHash: header.parentHash,
      view: header.view,
      proposer: header.proposer,
      timeMs: header.timeMs,
      transactionCount: header.txCount,
      bodyBytes: header.bodyBytes,
      ...(stateRoot !== undefined && { stateRoot }),
    };
    const transactionIds = (ledger.readReceipts(height) ?? []).map(({ transactionId }) => transactionId);
    return { summary, transactionIds, certificate };
  }

  epochKeys(): readonly SignedEpochKey[] {
    return this.#options.epochKeys.known();
  }

  epoch(): number {
    return this.#options.epochs.current.epoch;
  }

  epochProofs(from: number, limit: number): readonly Uint8Array[] {
    return this.#options.epochs.proofs(from, limit).map((proof) => encode(epochProofCodec, proof));
  }

  propose(transaction: GovernanceTransaction): PendingChangeDocument {
    const { system } = this.#options;
    system.offer(transaction);
    const id = changeListId(transaction.changeList);
    const pending = system.pending().find((change) => change.id === id);
    if (pending === undefined) throw nodeErrors.error('GOVERNANCE_REFUSED', { rule: 'it is not waiting any more' });
    return pending;
  }

  pendingChanges(): readonly PendingChangeDocument[] {
    return this.#options.system.pending();
  }

  status(): NodeStatus {
    const { version, genesis, chainId, epochs, driver, certified, ledger, network, mempool } = this.#options;
    const { current } = epochs;
    const index = epochs.selfIn(current);
    const key = index === undefined ? undefined : current.validatorKeys[index];
    const connected = new Set(network.connectedPeers());
    const others = epochs.otherValidators();
    const sync = this.#options.sync.progress;
    const { secondsLeft, ...counts } = sync ?? { secondsLeft: undefined, height: 0, target: 0, perSecond: 0 };
    const final = finalizedPoint(driver.core);
    const executedHeight = ledger.head().height;
    const { ready, reasons } = this.ready();
    return {
      version,
      network: genesis.network,
      chainId,
      platform: genesis.platform,
      notice: platformNotice(genesis.platform),
      policyClass: genesis.policyClass,
      epoch: current.epoch,
      role: index === undefined ? 'observer' : 'validator',
      name: epochs.name ?? '',
      measurement: genesis.measurement,
      ready,
      reasons: [...reasons],
      view: currentView(driver.core).view,
      finalizedHeight: final.height,
      executedHeight,
      certifiedHeight: certified.height,
      timeMs: final.timeMs,
      peers: { connected: others.filter((peer) => connected.has(peer)).length, validators: others.length },
      mempool: { transactions: mempool.size, bytes: mempool.bytes },
      uptimeSeconds: Math.floor(process.uptime()),
      ...(sync !== undefined && { sync: { ...counts, ...(secondsLeft !== undefined && { secondsLeft }) } }),
      ...(index !== undefined && key !== undefined && { validator: { index, key } }),
      stateRoot: this.#stateRoot(executedHeight),
    };
  }

  ready(): Readiness {
    const { enclave, driver, ledger, epochs, halted, epochKeys } = this.#options;
    const reasons: string[] = [];
    if (halted()) reasons.push('voting_halted');
    if (this.#quorumMissing()) reasons.push('quorum_not_connected');
    if (enclave?.isReady === false) reasons.push('enclave_not_ready');
    else if (enclave?.isFresh === false) reasons.push('enclave_not_proven_fresh');
    if (epochKeys.known().length < epochs.current.quorum) reasons.push('epoch_keys_incomplete');
    const { height: final } = finalizedPoint(driver.core);
    if (final - ledger.head().height > MAX_LAG_BLOCKS) reasons.push('execution_behind');
    if (provenHeight(driver.core) - final > MAX_LAG_BLOCKS) reasons.push('agreement_behind');
    return { ready: reasons.length === 0, reasons };
  }

  head(): number {
    return this.#options.ledger.head().height;
  }

  onHead(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A height was executed: wakes the block streams. */
  announceHead(): void {
    for (const listener of this.#listeners) listener();
  }

  #quorumMissing(): boolean {
    const { network, epochs } = this.#options;
    const connected = new Set(network.connectedPeers());
    const reachable = epochs.otherValidators().filter((peer) => connected.has(peer)).length;
    const own = epochs.selfIn(epochs.current) === undefined ? 0 : 1;
    return reachable + own < epochs.current.quorum;
  }

  #stateRoot(executedHeight: number): StateRoot {
    const stored = executedHeight === 0 ? undefined : this.#options.ledger.readStatement(asHeight(executedHeight));
    if (stored === undefined) return NO_STATE;
    return decode(resultStatementCodec, stored.statement, stored.statement.length).stateRoot;
  }
}
