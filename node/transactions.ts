/**
 * The way of a transaction from a client or a peer into the mempool, to the other validators, and back as a result.
 *
 * Accepted means: admitted by the enclave, in the pool, and handed to every connected peer. A resend of the same
 * envelope is the same transaction wherever it stands: waiting, final, executed.
 */
import type { TransactionId } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import type { ChainId } from '../protocol/brand.ts';
import { type ParsedEnvelope, parseEnvelope } from '../protocol/envelope.ts';
import { MAX_EXPIRY_BLOCKS } from '../protocol/limits.ts';
import { isCloisterError } from '../protocol/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { Admission } from './admission.ts';
import type { ApiErrorCode } from './api/errors.ts';
import type { CommittedTransaction, SubmitOptions, SubmitOutcome } from './api/service.ts';
import { committedTransactions, type CommitTracker } from './commit-tracker.ts';
import type { ConsensusDriver } from './consensus-driver.ts';
import type { ConsensusRequests } from './consensus-requests.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';
import type { Mempool, PoolVerdict } from './mempool.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import { bulkMessageCodec, MAX_BULK_MESSAGE_BYTES } from './peer-messages.ts';

/** What transactions are handled with. */
export interface TransactionsOptions {
  readonly chainId: ChainId;
  readonly mempool: Mempool;
  readonly driver: ConsensusDriver;
  readonly requests: ConsensusRequests;
  /** Undefined for an observer, which admits nothing. */
  readonly enclave: EnclaveSupervisor | undefined;
  readonly ledger: Ledger;
  readonly tracker: CommitTracker;
  readonly network: PeerNetwork;
}

const RETRY_AFTER_SECONDS = 1;
const MAX_MESSAGE_BYTES = MAX_BULK_MESSAGE_BYTES - 64 * 1024;

/** What a client is told for each code of the enclave's admission. */
const refusalCodes: Readonly<Record<string, ApiErrorCode>> = {
  ENVELOPE_MALFORMED: 'TX_MALFORMED',
  ENVELOPE_TOO_LARGE: 'TX_TOO_LARGE',
  ENVELOPE_OTHER_CHAIN: 'WRONG_CHAIN',
  KEY_EPOCH_UNKNOWN: 'WRONG_KEY_EPOCH',
  EXPIRED: 'TX_EXPIRED',
  EXPIRY_TOO_FAR: 'TX_EXPIRY_TOO_FAR',
  SESSION_UNKNOWN: 'SESSION_UNKNOWN',
  REPLAYED: 'TX_REPLAYED',
};

/** Of whoever does not wait for a result: the same for all, as an exception is made with each. */
const NO_WAIT = AbortSignal.abort();

/** See the module comment. */
export class Transactions {
  readonly #options: TransactionsOptions;
  readonly #admission: Admission | undefined;
  #outgoing: Uint8Array[] = [];
  #scheduled = false;

  constructor(options: TransactionsOptions) {
    this.#options = options;
    this.#admission = options.enclave && new Admission(options.enclave);
  }

  /** Takes clients' envelopes; one outcome each, in order. */
  submit(envelopes: readonly ParsedEnvelope[], options: SubmitOptions): Promise<SubmitOutcome[]> {
    const signal =
      options.waitMs > 0 ? AbortSignal.any([options.signal, AbortSignal.timeout(options.waitMs)]) : NO_WAIT;
    return Promise.all(envelopes.map((envelope) => this.#submitOne(envelope, `client ${options.source}`, signal)));
  }

  /** A committed transaction of the ledger, once its result is certified. */
  committed(id: TransactionId): CommittedTransaction | 'uncertified' | undefined {
    const { ledger } = this.#options;
    const located = ledger.readReceipt(id);
    if (located === undefined) return undefined;
    const certificate = ledger.readResultCertificate(located.height);
    if (certificate === undefined) return 'uncertified';
    const receipts = ledger.readReceipts(located.height) ?? [];
    const calls = receipts.map((receipt, index) => ({
      ...receipt,
      outputs: index === located.index ? located.outputs : [],
    }));
    return committedTransactions(located.height, calls, certificate)(located.index);
  }

  /** Whether the transaction is known here and not yet committed. */
  isPending(id: TransactionId): boolean {
    return this.#waits(id) || this.committed(id) === 'uncertified';
  }

  /** Takes transactions that a peer passed on. Returns false when one is not an envelope of this network. */
  receive(from: PeerName, envelopes: readonly Uint8Array[]): boolean {
    const { chainId, mempool, driver, requests } = this.#options;
    let sound = true;
    let added = false;
    for (const bytes of envelopes) {
      const parsed = parseEnvelope(bytes, chainId);
      if (parsed.verdict === 'rejected') {
        sound = false;
        continue;
      }
      const { transactionId: id, envelope } = parsed;
      if (this.#expiryFault(envelope.expiryHeight) !== undefined) continue;
      const verdict = mempool.add({ id, envelope: bytes, expiryHeight: envelope.expiryHeight, source: `peer ${from}` });
      added ||= verdict === 'added';
    }
    requests.takeTransactions(envelopes);
    if (added) driver.tellAdded();
    return sound;
  }

  async #submitOne(submitted: ParsedEnvelope, source: string, signal: AbortSignal): Promise<SubmitOutcome> {
    const { tracker } = this.#options;
    const { transactionId, bytes, envelope } = submitted;
    const known = this.committed(transactionId);
    if (typeof known === 'object') return known;
    if (known === undefined && !this.#waits(transactionId)) {
      const refusal = this.#expiryFault(envelope.expiryHeight) ?? (await this.#refusal(bytes));
      const verdict = refusal === undefined ? this.#offer(submitted, source) : 'refused';
      if (verdict === 'full')
        return { kind: 'refused', transactionId, code: 'MEMPOOL_FULL', retryAfterSeconds: RETRY_AFTER_SECONDS };
      if (verdict !== 'added') {
        // While the enclave looked, a copy that another validator passed on may have been executed: it is no replay then.
        const now = this.committed(transactionId);
        if (typeof now === 'object') return now;
        if (refusal !== undefined && now === undefined && !this.#waits(transactionId))
          return { kind: 'refused', transactionId, code: refusal };
      }
    }
    const committed = await tracker.wait(transactionId, signal);
    if (committed !== undefined) return committed;
    const late = this.committed(transactionId);
    return typeof late === 'object' ? late : { kind: 'accepted', transactionId };
  }

  /** Puts an admitted transaction into the pool and passes it on. */
  #offer({ transactionId, bytes, envelope }: ParsedEnvelope, source: string): PoolVerdict {
    const { mempool, driver, requests } = this.#options;
    const verdict = mempool.add({ id: transactionId, envelope: bytes, expiryHeight: envelope.expiryHeight, source });
    if (verdict === 'added') {
      this.#passOn(bytes);
      requests.takeTransactions([bytes]);
      driver.tellAdded();
    }
    return verdict;
  }

  /** Whether the transaction waits for a block or, being in a final one, for its execution. */
  #waits(id: TransactionId): boolean {
    return this.#options.mempool.get(id) !== undefined || this.#options.mempool.isFinal(id);
  }

  #expiryFault(expiryHeight: number): ApiErrorCode | undefined {
    const { finalisedHeight } = this.#options.ledger.head();
    if (expiryHeight <= finalisedHeight) return 'TX_EXPIRED';
    return expiryHeight > finalisedHeight + MAX_EXPIRY_BLOCKS ? 'TX_EXPIRY_TOO_FAR' : undefined;
  }

  async #refusal(bytes: Uint8Array): Promise<ApiErrorCode | undefined> {
    if (this.#admission === undefined) return 'OBSERVER_ONLY';
    try {
      const { admitted, code } = await this.#admission.judge(bytes);
      return admitted ? undefined : (refusalCodes[code] ?? 'TX_NOT_ADMITTED');
    } catch (error) {
      if (isCloisterError(error) && error.retryable) return 'NOT_READY';
      throw error;
    }
  }

  /** Sends to all peers at the end of the tick, many in one message. */
  #passOn(envelope: Uint8Array): void {
    this.#outgoing.push(envelope);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#scheduled = false;
    let batch: Uint8Array[] = [];
    let sizeBytes = 0;
    for (const envelope of this.#outgoing) {
      if (sizeBytes + envelope.length > MAX_MESSAGE_BYTES) {
        this.#broadcast(batch);
        batch = [];
        sizeBytes = 0;
      }
      batch.push(envelope);
      sizeBytes += envelope.length + 8;
    }
    this.#outgoing = [];
    this.#broadcast(batch);
  }

  #broadcast(envelopes: readonly Uint8Array[]): void {
    if (envelopes.length > 0)
      this.#options.network.broadcast('bulk', encode(bulkMessageCodec, { kind: 'envelopes', envelopes }));
  }
}
