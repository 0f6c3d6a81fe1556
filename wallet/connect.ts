/**
 * Connecting: everything is verified before anything is sealed (verify-network.ts), then sessions are opened.
 */
import { randomBytes } from '#primitives';
import { networkShape, type NodeStatus, statusShape } from '../protocol/api.ts';
import { type ChainId, type Height, height, type TransactionId } from '../protocol/brand.ts';
import type { Configuration } from '../protocol/consensus/configuration.ts';
import { SEAL_RANDOMNESS_BYTES, sealCall, sealSessionOpen } from '../protocol/envelope-seal.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { chainIdOf, type Genesis } from '../protocol/genesis.ts';
import { sealQuery } from '../protocol/query.ts';
import { platformNotice } from '../protocol/receipt.ts';
import type { OutputKeys } from '../protocol/sealed-output.ts';
import type { Account } from './account.ts';
import { ask, type QueryResult } from './ask.ts';
import { type CallOptions, callOf, DEFAULT_WAIT_MS } from './call.ts';
import { EpochTrail } from './epoch-trail.ts';
import { CallFailed, CallRefused, walletErrors } from './errors.ts';
import { NetworkGovernance } from './governance.ts';
import { NetworkInternals } from './internals.ts';
import { type CallResult, type ContractMessage, messagesTo, openResult } from './outcome.ts';
import { ProofChecker, type ProvenTransaction } from './proof.ts';
import { Session } from './session.ts';
import {
  openRecord,
  RESERVED_NUMBERS,
  ReservedSession,
  recordOf,
  reserveNumbers,
  sealRecord,
  type SessionStore,
} from './session-store.ts';
import { Submitter } from './submitter.ts';
import { type FetchFunction, NodeClient } from './transport.ts';
import { checkedGenesis, verifyNetwork, type VerifiedNetwork, type WalletPolicy } from './verify-network.ts';

/** How to reach a network and what to trust: the chain id, or the genesis whose hash it is. */
export type ConnectOptions = ({ readonly url: string } | { readonly urls: readonly string[] }) &
  ({ readonly chainId: ChainId } | { readonly genesis: Genesis }) & {
    /** The platform's fetch unless given. */
    readonly fetch?: FetchFunction;
    /** Class `testnet` unless given; pass `production` to refuse simulated platforms. */
    readonly policy?: WalletPolicy;
  };

/** How a session is opened. */
export interface OpenSessionOptions {
  /** How long to wait for the opening to be committed, ms. */
  readonly waitMs?: number;
  /** Keeps the session for later processes. */
  readonly store?: SessionStore;
}

/** A transaction as any party sees it: the public receipt, and the messages that are sealed to that party. */
export interface SeenTransaction extends Pick<ProvenTransaction, 'receipt' | 'receiptFile'> {
  readonly height: number;
  readonly messages: readonly ContractMessage[];
}

const sessionlessKeys = (account: Account): OutputKeys => ({
  get replyKeyPair() {
    return account.replyKeyPair;
  },
  session: () => undefined,
});

const MAX_NETWORK_BYTES = 4 * 1024 * 1024;
const MAX_STATUS_BYTES = 64 * 1024;

/** A verified network. */
export class Network {
  readonly #internals: NetworkInternals;

  constructor(internals: NetworkInternals) {
    this.#internals = internals;
  }

  get chainId(): ChainId {
    return this.#internals.verified.chainId;
  }

  get genesis(): Genesis {
    return this.#internals.verified.genesis;
  }

  /** Configuration of the newest epoch that was proven to this wallet. */
  get configuration(): Configuration {
    return this.#internals.verified.epochs.newest.configuration;
  }

  /** Follows the changes of validators up to the present, and returns the configuration. */
  async followEpochs(): Promise<Configuration> {
    const { verified, client } = this.#internals;
    await verified.epochs.follow(client);
    return verified.epochs.newest.configuration;
  }

  /** Whether the enclave platform is simulated, so that nothing is protected. */
  get simulated(): boolean {
    return this.#internals.verified.simulated;
  }

  /** What the platform protects, in words for people. */
  get notice(): string {
    return platformNotice(this.genesis.platform);
  }

  /** Greatest height that was proven to this wallet. */
  get height(): number {
    return this.#internals.height;
  }

  /** Proposing, signing and following changes of the configuration. */
  get governance(): NetworkGovernance {
    return new NetworkGovernance(this.#internals);
  }

  /** What a node says of itself: claims, not proof. */
  status(): Promise<NodeStatus> {
    return this.#internals.client.get('/v1/status', statusShape, MAX_STATUS_BYTES);
  }

  /** Opens a session and waits until the network has committed it. */
  async openSession(account: Account, options: OpenSessionOptions = {}): Promise<Session> {
    const internals = this.#internals;
    await internals.refreshHeight();
    const askedExpiryHeight = internals.sessionExpiryHeight();
    const sealed = sealSessionOpen(
      internals.verified.target,
      account,
      {
        replyKey: account.replyKeyPair.publicKey,
        expiryHeight: internals.expiryHeight(),
        sessionExpiryHeight: askedExpiryHeight,
      },
      randomBytes(SEAL_RANDOMNESS_BYTES),
    );
    const { keys } = sealed.session;
    const proven = await internals.submitter.submit(sealed, options.waitMs ?? DEFAULT_WAIT_MS);
    const sessionExpiryHeight = this.#openedUntil(proven, account, keys, askedExpiryHeight);
    const { store } = options;
    if (store === undefined) {
      return new Session(
        internals,
        account,
        new ReservedSession(keys, 0, Number.MAX_SAFE_INTEGER),
        sessionExpiryHeight,
      );
    }
    const record = recordOf(account, this.chainId, keys, RESERVED_NUMBERS, sessionExpiryHeight);
    await store.update(() => sealRecord(record, account));
    return new Session(internals, account, new ReservedSession(keys, 0, RESERVED_NUMBERS), sessionExpiryHeight, store);
  }

  /** Goes on with the session of a store, or opens one there when it holds none of this account that is still usable. */
  async continueSession(
    account: Account,
    store: SessionStore,
    options: Omit<OpenSessionOptions, 'store'> = {},
  ): Promise<Session> {
    try {
      const session = await this.resumeSession(account, store);
      await this.#internals.refreshHeight();
      if (session.expiryHeight > this.#internals.expiryHeight()) return session;
    } catch (error) {
      if (!isCloisterError(error) || error.code !== 'SESSION_EXPORT_INVALID') throw error;
    }
    return this.openSession(account, { ...options, store });
  }

  /** Goes on with a session that a store holds or that `Session.export` returned. Throws SESSION_EXPORT_INVALID. */
  async resumeSession(account: Account, from: SessionStore | string): Promise<Session> {
    if (typeof from === 'string') {
      const { session, nextNumber, expiryHeight } = openRecord(from, account, this.chainId);
      return new Session(
        this.#internals,
        account,
        new ReservedSession(session, nextNumber, Number.MAX_SAFE_INTEGER),
        expiryHeight,
      );
    }
    const { record, next, end } = await reserveNumbers(from, account, this.chainId);
    return new Session(
      this.#internals,
      account,
      new ReservedSession(record.session, next, end),
      record.expiryHeight,
      from,
    );
  }

  /** One signed call outside a session: for callers that make few. Rejects as `Session.call` does. */
  async call<Result = unknown>(
    account: Account,
    contract: string,
    method: string,
    args?: unknown,
    options: CallOptions = {},
  ): Promise<CallResult<Result>> {
    const internals = this.#internals;
    const call = callOf(contract, method, args, options.idempotencyKey);
    await internals.refreshHeight();
    const { target } = internals.verified;
    const request = { call, replyKey: account.replyKeyPair.publicKey, expiryHeight: internals.expiryHeight() };
    const envelope = sealCall(target, account, request, randomBytes(SEAL_RANDOMNESS_BYTES));
    const proven = await internals.submitter.submit(envelope, options.waitMs ?? DEFAULT_WAIT_MS);
    return openResult(proven, internals.verified, sessionlessKeys(account)) as CallResult<Result>;
  }

  /** One signed query outside a session. Rejects as `Session.query` does. */
  query<Result = unknown>(
    account: Account,
    contract: string,
    method: string,
    args?: unknown,
  ): Promise<QueryResult<Result>> {
    const call = callOf(contract, method, args);
    const { target } = this.#internals.verified;
    return ask<Result>(this.#internals, () => sealQuery(target, account, call, randomBytes(SEAL_RANDOMNESS_BYTES)));
  }

  /** The proven receipt of a transaction, and what contracts sealed in it to the account; undefined while pending. */
  async transaction(transactionId: TransactionId, account: Account): Promise<SeenTransaction | undefined> {
    const proven = await this.#internals.submitter.find(transactionId);
    if (proven === undefined) return undefined;
    const { receipt, receiptFile, block } = proven;
    const messages = messagesTo(proven, this.#internals.verified, sessionlessKeys(account));
    return { receipt, receiptFile, height: block.statement.height, messages };
  }

  /** Last height of the opened session: what the enclaves granted, never later than asked. */
  #openedUntil(proven: ProvenTransaction, account: Account, keys: ReservedSession['keys'], asked: Height): Height {
    const outputKeys = {
      replyKeyPair: account.replyKeyPair,
      session: (id: string) => (id === keys.id ? keys : undefined),
    };
    try {
      const { result } = openResult(proven, this.#internals.verified, outputKeys);
      const granted = (result as { expiryHeight?: unknown } | null)?.expiryHeight;
      return typeof granted === 'number' && granted < asked ? height(granted) : asked;
    } catch (error) {
      const failure =
        error instanceof CallFailed ? error.failure : error instanceof CallRefused ? error.reason : 'unreadable';
      throw walletErrors.error('SESSION_NOT_OPENED', { failure }, error);
    }
  }
}

const networkOf = (client: NodeClient) => client.get('/v1/network', networkShape, MAX_NETWORK_BYTES);

const verifiedBy = async (client: NodeClient, chainId: ChainId, policy: WalletPolicy): Promise<VerifiedNetwork> => {
  let failure: unknown;
  for (let tries = 0; tries < client.nodes; tries += 1) {
    try {
      const genesis = checkedGenesis(await networkOf(client), chainId);
      const epochs = new EpochTrail(genesis);
      await epochs.follow(client);
      // Asked again: the signed keys must be those of the epoch that was proven.
      return verifyNetwork(await networkOf(client), genesis, epochs, policy);
    } catch (error) {
      failure ??= error;
      client.useNext();
    }
  }
  throw failure;
};

/** Connects to a network: verified, or an error and nothing sealed. */
export const connect = async (options: ConnectOptions): Promise<Network> => {
  const urls = 'urls' in options ? options.urls : [options.url];
  const chainId = 'chainId' in options ? options.chainId : chainIdOf(options.genesis);
  const client = new NodeClient(urls, options.fetch ?? ((url, init) => globalThis.fetch(url, init)));
  const verified = await verifiedBy(client, chainId, options.policy ?? { policyClass: 'testnet' });
  const proofs = new ProofChecker(verified, client);
  const internals = new NetworkInternals(verified, client, proofs, new Submitter(client, proofs));
  await internals.refreshHeight();
  return new Network(internals);
};
