/**
 * A session: calls and queries of one account without a public-key operation for each.
 *
 * `call` seals and hands over in the same turn, so calls made together travel together. A call resolves only with a
 * proven receipt and an opened result. Heights seen never go back.
 */
import { randomBytes } from '#primitives';
import type { Height } from '../protocol/brand.ts';
import { type Call, NONCE_BYTES } from '../protocol/call.ts';
import { sealSessionCall } from '../protocol/envelope-seal.ts';
import type { ParsedEnvelope } from '../protocol/envelope.ts';
import { sealSessionQuery } from '../protocol/query.ts';
import type { OutputKeys } from '../protocol/sealed-output.ts';
import type { SessionKeys } from '../protocol/session.ts';
import type { Account } from './account.ts';
import { ask, type QueryResult } from './ask.ts';
import { type CallOptions, callOf, DEFAULT_WAIT_MS } from './call.ts';
import { walletErrors } from './errors.ts';
import type { NetworkInternals } from './internals.ts';
import { type CallResult, openResult } from './outcome.ts';
import type { ProvenTransaction } from './proof.ts';
import { type ReservedSession, recordOf, reserveNumbers, sealRecord, type SessionStore } from './session-store.ts';

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

  constructor(
    network: NetworkInternals,
    account: Account,
    numbers: ReservedSession,
    expiryHeight: Height,
    store?: SessionStore,
  ) {
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
  call<Result = unknown>(
    contract: string,
    method: string,
    args?: unknown,
    options: CallOptions = {},
  ): Promise<CallResult<Result>> {
    try {
      const call = callOf(contract, method, args, options.idempotencyKey);
      const waitMs = options.waitMs ?? DEFAULT_WAIT_MS;
      const proven = this.#isReady()
        ? this.#submit(call, waitMs)
        : this.#prepare().then(() => this.#submit(call, waitMs));
      return proven.then(
        (transaction) => openResult(transaction, this.#network.verified, this.#keys) as CallResult<Result>,
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Asks a contract, at the newest height that the node has executed and never before one already seen. */
  async query<Result = unknown>(contract: string, method: string, args?: unknown): Promise<QueryResult<Result>> {
    if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
    const call = callOf(contract, method, args);
    const { target } = this.#network.verified;
    return ask<Result>(this.#network, () =>
      sealSessionQuery(target, this.#numbers.keys, call, randomBytes(NONCE_BYTES)),
    );
  }

  /**
   * Ends this object and returns the session as sealed text, for `Network.resumeSession`. Use a store instead where a
   * crash must not lose or repeat numbers.
   */
  export(): string {
    if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
    this.#closed = true;
    const { chainId } = this.#network.verified;
    return sealRecord(
      recordOf(this.account, chainId, this.#numbers.keys, this.#numbers.next, this.expiryHeight),
      this.account,
    );
  }

  /** What JSON shows: nothing secret. */
  toJSON(): { readonly id: string; readonly account: string } {
    return { id: this.id, account: this.account.publicKey };
  }

  #seal(call: Call): ParsedEnvelope {
    if (this.#closed) throw walletErrors.error('SESSION_CLOSED');
    return sealSessionCall(this.#network.verified.target, this.#numbers, {
      call,
      expiryHeight: this.#network.expiryHeight(),
    });
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
}
