/**
 * A party: its own account, its own wallet connection and session, and everything that it has received. Nothing that
 * one party holds is handed to another; the demonstration reads a party's results only to report what that party saw.
 */
import {
  typed,
  type CallOptions,
  type CallResult,
  CallRefused,
  connect,
  createAccount,
  type Account,
  type Network,
  type QueryResult,
  type Session,
} from '../../wallet/index.ts';
import type { ChainId } from '../../wallet/index.ts';
import { TrafficRecorder } from '../leak-check/traffic-recorder.ts';
import type { AmlContract } from './client.ts';
import type { Measurements } from './measurements.ts';

/** Name under which the contract is deployed. */
export const AML = 'aml';
/** A call may have to outlive the restart of a validator. */
const WAIT_MS = 60_000;

/** See the module comment. */
export class Party {
  readonly name: string;
  readonly account: Account;
  readonly traffic: TrafficRecorder;
  /** Everything the party received, opened, as JSON texts. */
  readonly outputs: string[] = [];
  /** Calls of the AML contract that were executed, refused ones included. */
  amlCalls = 0;
  readonly #measurements: Measurements;
  #network: Network | undefined;
  #session: Session | undefined;

  constructor(name: string, measurements: Measurements) {
    this.name = name;
    this.account = createAccount();
    this.traffic = new TrafficRecorder(name);
    this.#measurements = measurements;
  }

  /** Verifies the network and opens a session. The first URL is the party's own validator, the others its fallback. */
  async join(urls: readonly string[], chainId: ChainId): Promise<void> {
    this.#network = await connect({ urls, chainId, policy: { policyClass: 'testnet' }, fetch: this.traffic.fetch });
    this.#session = await this.#network.openSession(this.account, { waitMs: WAIT_MS });
  }

  get network(): Network {
    if (this.#network === undefined) throw new TypeError(`${this.name} has not joined`);
    return this.#network;
  }

  /** The contract's methods, as this party calls them. */
  readonly aml = typed<AmlContract>(
    {
      call: (contract, method, args, options) => this.call(contract, method, args, options),
      query: (contract, method, args) => this.query(contract, method, args),
    },
    AML,
  );

  /** Calls a contract; the time until the verified receipt is measured. */
  async call<Result = unknown>(
    contract: string,
    method: string,
    args?: unknown,
    options?: CallOptions,
  ): Promise<CallResult<Result>> {
    if (contract === AML) this.amlCalls += 1;
    return this.#kept(
      this.#measurements.timed(() => this.#open.call<Result>(contract, method, args, { waitMs: WAIT_MS, ...options })),
    );
  }

  /** Asks a contract. */
  async query<Result = unknown>(contract: string, method: string, args?: unknown): Promise<QueryResult<Result>> {
    return this.#kept(this.#open.query<Result>(contract, method, args));
  }

  get #open(): Session {
    if (this.#session === undefined) throw new TypeError(`${this.name} has not joined`);
    return this.#session;
  }

  async #kept<R extends { readonly result: unknown }>(answer: Promise<R>): Promise<R> {
    try {
      const given = await answer;
      this.outputs.push(JSON.stringify(given.result));
      return given;
    } catch (error) {
      if (error instanceof CallRefused)
        this.outputs.push(JSON.stringify({ reason: error.reason, detail: error.detail }));
      throw error;
    }
  }
}
