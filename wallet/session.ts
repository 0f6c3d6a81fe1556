/**
 * A session: calls and queries of one account without a public-key operation for each.
 *
 * `call` seals and hands over in the same turn, so calls made together travel together. A call resolves only with a
 * proven receipt and an opened result. Heights seen never go back.
 */
import { randomBytes } from '#primitives';
import type { Call } from '../protocol/call.ts';
import { BYTES_MEDIA_TYPE } from '../protocol/api.ts';
import type { Height, StateRoot } from '../protocol/brand.ts';
import { sealSessionCall } from '../protocol/envelope-seal.ts';
import type { ParsedEnvelope } from '../protocol/envelope.ts';
import { CloisterError } from '../protocol/errors.ts';
import { utf8 } from '../protocol/hex.ts';
import { MAX_ARGUMENT_BYTES, MAX_OUTPUT_BYTES } from '../protocol/limits.ts';
import { type Answer, openAnswer, sealSessionQuery } from '../protocol/query.ts';
import type { OutputKeys } from '../protocol/sealed-output.ts';
import type { SessionKeys } from '../protocol/session.ts';
import type { Account } from './account.ts';
import { walletErrors } from './errors.ts';
import type { NetworkInternals } from './internals.ts';
import { type CallResult, openResult, resultOf } from './outcome.ts';
import type { ProvenTransaction } from './proof.ts';
import { pause } from './scheduling.ts';
import { type ReservedSession, recordOf, reserveNumbers, sealRecord, type SessionStore } from './session-store.ts';
import { retryAfterOf } from './transport.ts';

/** How a call is made. */
export interface CallOptions {
  /** How long to wait for the proven result, ms; 30 s unless set. */
  readonly waitMs?: number;
  /** A key under which this account finds its own earlier attempt. */
  readonly idempotencyKey?: string;
}

/** What a query answered, and of when. */
export interface QueryResult<Result = unknown> {
  readonly result: Result;
  readonly height: number;
  readonly stateRoot: StateRoot;
  /** Consensus time of that height, ms since the Unix epoch. */
  readonly timeMs: number;
  readonly simulated: boolean;
}

const DEFAULT_WAIT_MS = 30_000;
const QUERY_TIMEOUT_MS = 15_000;
/** How long a query goes on asking for an answer that is not older than what was seen, ms. */
const FRESHNESS_DEADLINE_MS = 3_000;
const FIRST_RETRY_MS = 10;

const jsonArguments = (args: unknown): string => {
  let json: string | undefined;
  try {
    json = JSON.stringify(args ?? null);
  } catch (cause) {
    throw walletErrors.error('ARGUMENTS_INVALID', {}, cause);
  }
  if (json === undefined || !json.isWellFormed()) throw walletErrors.error('ARGUMENTS_INVALID');
  const sizeBytes = utf8(json).length;
  if (sizeBytes > MAX_ARGUMENT_BYTES) throw walletErrors.error('CALL_TOO_LARGE', { sizeBytes, maxBytes: MAX_ARGUMENT_BYTES });
  return json;
};

const callOf = (contract: string, method: string, args: unknown, idempotencyKey?: string): Call => ({
  contract,
  method,
  args: jsonArguments(args),
  idempotencyKey,
});

/** See the module comment. Made by `Network.openSession` and `Network.resumeSession`. */
export class Session {
  readonly account: Account;
  /** Last height at which the session may be used. */
  readonly expiryHeight: Height;
  readonly #network: NetworkInternals;
  readonly #numbers: ReservedSession;
  readonly #store: SessionStore | undefined;
  readonly #keys: OutputKeys;
  #reserving: Promise<void> | undefined;
  #closed = false;

  constructor(network: NetworkInternals, account: Account, numbers: ReservedSession, expiryHeight: Height, store?: SessionStore) {
    this.account = account;
    this.expiryHeight = expiryHeight;
    this.#network = network;
    this.#numbers = numbers;
    this.#store = store;
    this.#keys = {
      get replyKeyPair() {
        return account.replyKeyPair;
      },
      session: (id) => (id === numbers.keys.id ? numbers.keys : undefined),
    };
  }

  /** Public identifier of the session. */
  get id(): SessionKeys['id'] {
    return this.#numbers.keys.id;
  }

  /** Whether no hardware protects what is sealed here. */
  get simulated(): boolean {
    return this.#network.verified.simulated;
  }

  /**
   * Calls a contract. Rejects with CallRefused, CallFailed, a node's refusal, or OUTCOME_UNKNOWN when no node gave a
   * proven result in time.
   */
  call<Result = unknown>(contract: string, method: string, args?: unknown, options: CallOptions = {}): Promise<CallResult<Result>> {
    try {
      const call = callOf(contract, method, args, options.idempotencyKey);
      const waitMs = options.waitMs ?? DEFAULT_WAIT_MS;
      const proven = this.#isReady() ? this.#submit(call, waitMs) : this.#prepare().then(() => this.#submit(call, waitMs));
      return proven.then((transaction) => openResult(transaction, this.#network.verified, this.#keys) as CallResult<Result>);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Asks a contract, at the newest height that the node has executed and never before one already seen. */
  async query<Result = unknown>(contract: string, method: string, args?: unknown): Promise<QueryResult<Result>> {
    if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
    const call = callOf(contract, method, args);
    const deadline = Date.now() + FRESHNESS_DEADLINE_MS;
    let wait = FIRST_RETRY_MS;
    for (;;) {
      const failure = await this.#ask(call).catch((error: unknown) => error);
      if (!(failure instanceof Error)) {
        const { height, stateRoot, timeMs, outcome } = failure as Answer;
        return { result: resultOf(outcome) as Result, height, stateRoot, timeMs, simulated: this.simulated };
      }
      if (!this.#isWorthAsking(failure) || Date.now() + wait >= deadline) throw failure;
      await pause((retryAfterOf(failure) ?? 0) * 1000 || wait);
      wait = Math.min(wait * 2, 500);
    }
  }

  /** A node that lags does not know a new session yet; a node that lied is asked again only when there is another. */
  #isWorthAsking(failure: Error): failure is CloisterError {
    if (!(failure instanceof CloisterError)) return false;
    if (failure.code === 'ANSWER_MALFORMED') return this.#network.client.nodes > 1;
    return failure.retryable || failure.code === 'QUERY_REFUSED';
  }

  /**
   * Ends this object and returns the session as sealed text, for `Network.resumeSession`. Use a store instead where a
   * crash must not lose or repeat numbers.
   */
  export(): string {
    if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
    this.#closed = true;
    const { chainId } = this.#network.verified;
    return sealRecord(recordOf(this.account, chainId, this.#numbers.keys, this.#numbers.next, this.expiryHeight), this.account);
  }

  /** What JSON shows: nothing secret. */
  toJSON(): { readonly id: string; readonly account: string } {
    return { id: this.id, account: this.account.publicKey };
  }

  #seal(call: Call): ParsedEnvelope {
    if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
    return sealSessionCall(this.#network.verified.target, this.#numbers, { call, expiryHeight: this.#network.expiryHeight() });
  }

  /** Seals and hands over, in this very turn. */
  #submit(call: Call, waitMs: number): Promise<ProvenTransaction> {
    const number = this.#numbers.next;
    const envelope = this.#seal(call);
    return this.#network.submitter.submit(envelope, waitMs).finally(() => this.#numbers.finish(number));
  }

  #isReady(): boolean {
    return !this.#closed && this.#numbers.left > 0 && this.#numbers.hasRoom && this.#network.heightIsRecent();
  }

  /** What a call may have to wait for: a recent height, numbers that are reserved, and older calls to finish. */
  async #prepare(): Promise<void> {
    while (!this.#isReady()) {
      if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
      await this.#network.refreshHeight();
      if (!this.#numbers.hasRoom) await this.#numbers.nextFinished();
      if (this.#numbers.left > 0) continue;
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
  }

  async #reserve(): Promise<void> {
    if (this.#store === undefined) throw walletErrors.error('SESSION_CLOSED');
    const { next, end } = await reserveNumbers(this.#store, this.account, this.#network.verified.chainId);
    this.#numbers.extend(next, end);
  }

  async #ask(call: Call): Promise<Answer> {
    const { verified, client } = this.#network;
    const query = sealSessionQuery(verified.target, this.#numbers.keys, call, randomBytes(16));
    const { bytes } = await client.send({
      method: 'POST',
      path: '/v1/queries',
      headers: { 'content-type': BYTES_MEDIA_TYPE },
      body: query.bytes.slice(),
      timeoutMs: QUERY_TIMEOUT_MS,
      maxAnswerBytes: MAX_OUTPUT_BYTES,
    });
    const opened = openAnswer(bytes, query.binding);
    if (opened.verdict === 'rejected') {
      client.useNext();
      throw walletErrors.error('ANSWER_MALFORMED', { rule: opened.code });
    }
    return this.#network.checkFreshness(opened.answer);
  }
}
