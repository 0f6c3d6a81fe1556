/**
 * Messages between enclaves, relayed by their nodes: key shares, freshness answers, epoch key statements. Nothing here
 * is opened or judged; forged or stale messages are the enclaves' and wallets' business.
 */
import type { ValidatorIndex } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import { verifyEpochKeys } from '../protocol/epoch-key.ts';
import { chainIdOf, type Genesis } from '../protocol/genesis.ts';
import type { SignedEpochKey } from './api/service.ts';
import type { EnclaveRelay, EnclaveSupervisor } from './enclave-supervisor.ts';
import type { PeerNetwork } from './network/network.ts';
import {
  MAX_PEER_RESPONSE_BYTES,
  type PeerRequest,
  peerRequestCodec,
  type PeerResponse,
  peerResponseCodec,
} from './peer-messages.ts';
import { PEER_METHOD } from './results-exchange.ts';

const TIMEOUT_MS = 3_000;
const COLLECT_MS = 1_000;

const ask = async (network: PeerNetwork, peer: ValidatorIndex, request: PeerRequest): Promise<PeerResponse> => {
  const options = { timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_PEER_RESPONSE_BYTES };
  const bytes = await network.request(peer, PEER_METHOD, encode(peerRequestCodec, request), options);
  return decode(peerResponseCodec, bytes, MAX_PEER_RESPONSE_BYTES);
};

/** The relay that an enclave supervisor uses. */
export const enclaveRelay = (network: PeerNetwork, self: number): EnclaveRelay => ({
  peers: () => network.connectedPeers(),
  contribution: async (from) => {
    const response = await ask(network, from, { kind: 'contribution', validator: self });
    return response.kind === 'contribution' ? response.message : undefined;
  },
  freshness: async (from, challenge) => {
    const response = await ask(network, from, { kind: 'freshness', challenge });
    return response.kind === 'freshness' ? response.answer : undefined;
  },
});

/** Collects the genuinely signed epoch key statements of all validators' enclaves, for wallets. */
export class EpochKeyCollection implements AsyncDisposable {
  readonly #network: PeerNetwork;
  readonly #enclave: EnclaveSupervisor;
  readonly #self: number;
  readonly #genesis: Genesis;
  readonly #statements = new Map<number, SignedEpochKey>();
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  constructor(options: {
    readonly network: PeerNetwork;
    readonly enclave: EnclaveSupervisor;
    readonly self: number;
    readonly genesis: Genesis;
  }) {
    this.#network = options.network;
    this.#enclave = options.enclave;
    this.#self = options.self;
    this.#genesis = options.genesis;
    this.#network.events.on('peerConnected', () => this.refresh());
    this.#timer = setInterval(() => this.refresh(), COLLECT_MS);
    this.#timer.unref();
  }

  /** What is known now, own statement included. */
  known(): readonly SignedEpochKey[] {
    const own = this.#enclave.epochKey;
    if (own !== undefined) this.#statements.set(this.#self, { validator: this.#self, ...own });
    return [...this.#statements.values()].toSorted((a, b) => a.validator - b.validator);
  }

  /** Asks peers whose statement is missing. */
  refresh(): void {
    const missing = this.#network.connectedPeers().filter((peer) => !this.#statements.has(peer));
    if (this.#asking || missing.length === 0 || this.#statements.size >= this.#genesis.validators.length) return;
    this.#asking = true;
    Promise.allSettled(missing.map((peer) => this.#collect(peer))).finally(() => {
      this.#asking = false;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }

  async #collect(peer: ValidatorIndex): Promise<void> {
    const response = await ask(this.#network, peer, { kind: 'epochKey' });
    const enclaveKey = this.#genesis.validators[peer]?.enclaveKey;
    if (response.kind !== 'epochKey' || response.statement === undefined || enclaveKey === undefined) return;
    if (!verifyEpochKeys(response.statement, chainIdOf(this.#genesis), enclaveKey)) return;
    this.#statements.set(peer, { validator: peer, ...response.statement });
  }
}
