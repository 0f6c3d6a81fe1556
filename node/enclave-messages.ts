/**
 * Messages between enclaves, relayed by their nodes: shares and secrets, freshness answers, epoch key statements. Nothing
 * here is opened or judged; forged or stale messages are the enclaves' and wallets' business.
 */
import type { PublicKey } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import { verifyEpochKeys } from '../protocol/epoch-key.ts';
import type { SignedEpochKey } from './api/service.ts';
import type { EnclaveRelay, EnclaveSupervisor } from './enclave-supervisor.ts';
import type { Epochs } from './epochs.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import {
  MAX_PEER_RESPONSE_BYTES,
  PEER_METHOD,
  type PeerRequest,
  peerRequestCodec,
  type PeerResponse,
  peerResponseCodec,
} from './peer-messages.ts';

const TIMEOUT_MS = 3_000;
const COLLECT_MS = 1_000;

const ask = async (network: PeerNetwork, peer: PeerName, request: PeerRequest): Promise<PeerResponse> => {
  const options = { timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_PEER_RESPONSE_BYTES };
  const bytes = await network.request(peer, PEER_METHOD, encode(peerRequestCodec, request), options);
  return decode(peerResponseCodec, bytes, MAX_PEER_RESPONSE_BYTES);
};

/** The relay that an enclave supervisor uses. */
export const enclaveRelay = (network: PeerNetwork): EnclaveRelay => ({
  peers: () => network.connectedPeers(),
  contribution: async (from, enclaveKey) => {
    const response = await ask(network, from, { kind: 'contribution', enclaveKey });
    return response.kind === 'contribution' ? response.contribution : undefined;
  },
  freshness: async (from, challenge) => {
    const response = await ask(network, from, { kind: 'freshness', challenge });
    return response.kind === 'freshness' ? response.answer : undefined;
  },
});

/** Collects the genuinely signed epoch key statements of the present validators' enclaves, for wallets. */
export class EpochKeyCollection implements AsyncDisposable {
  readonly #network: PeerNetwork;
  readonly #enclave: EnclaveSupervisor | undefined;
  readonly #epochs: Epochs;
  readonly #statements = new Map<PublicKey, SignedEpochKey>();
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  constructor(options: {
    readonly network: PeerNetwork;
    readonly enclave: EnclaveSupervisor | undefined;
    readonly epochs: Epochs;
  }) {
    this.#network = options.network;
    this.#enclave = options.enclave;
    this.#epochs = options.epochs;
    this.#network.events.on('peerConnected', () => this.refresh());
    this.#timer = setInterval(() => this.refresh(), COLLECT_MS);
    this.#timer.unref();
  }

  /** What is known now of the present validators' enclaves, own statement included, in their order. */
  known(): readonly SignedEpochKey[] {
    const own = this.#enclave?.epochKey;
    if (own !== undefined) this.#statements.set(own.enclaveKey, own);
    return this.#validators().flatMap(({ enclaveKey }) => this.#statements.get(enclaveKey) ?? []);
  }

  /** Asks peers whose statement is missing. */
  refresh(): void {
    const present = new Map<string, PublicKey>(
      this.#validators().map(({ peerId, enclaveKey }) => [peerId, enclaveKey]),
    );
    for (const key of this.#statements.keys()) if (![...present.values()].includes(key)) this.#statements.delete(key);
    const missing = this.#network.connectedPeers().filter((peer) => {
      const enclaveKey = present.get(peer);
      return enclaveKey !== undefined && !this.#statements.has(enclaveKey);
    });
    if (this.#asking || missing.length === 0) return;
    this.#asking = true;
    Promise.allSettled(missing.map((peer) => this.#collect(peer))).finally(() => {
      this.#asking = false;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }

  #validators() {
    return this.#epochs.current.configuration.validators;
  }

  async #collect(peer: PeerName): Promise<void> {
    const response = await ask(this.#network, peer, { kind: 'epochKey' });
    if (response.kind !== 'epochKey' || response.statement === undefined) return;
    const { enclaveKey } = response.statement;
    if (!this.#validators().some((validator) => validator.enclaveKey === enclaveKey)) return;
    if (verifyEpochKeys(response.statement, this.#epochs.current.chainId, enclaveKey))
      this.#statements.set(enclaveKey, response.statement);
  }
}
