/**
 * Stands in for `node/network/network.ts`: direct channels, requests and gossip over simulated links. Messages of one
 * channel arrive in order or not at all, as the real network promises.
 */
import { EventEmitter } from 'node:events';
import type {
  Channel,
  GossipHandler,
  GossipTopic,
  MessageHandler,
  NetworkEvents,
  PeerName,
  PenaltyCode,
  RequestHandler,
  RequestOptions,
  SendVerdict,
} from '../../../node/network/types.ts';
import { host, type SimProcess } from './host.ts';
import type { Links } from './links.ts';

let links: Links | undefined;

/** Makes the links of a seed the ones that networks use from now on. */
export const useLinks = (next: Links): void => {
  links = next;
};

const present = (): Links => {
  if (links === undefined) throw new TypeError('no simulation runs');
  return links;
};

/** The network of one run of a node. */
export class PeerNetwork implements AsyncDisposable {
  readonly events = new EventEmitter<NetworkEvents>();
  readonly process: SimProcess;
  readonly #links: Links;
  readonly #handlers: MessageHandler[] = [];
  readonly #requests = new Map<string, RequestHandler>();
  readonly #gossip = new Map<GossipTopic, GossipHandler>();
  readonly #connected = new Set<PeerName>();

  private constructor(process: SimProcess) {
    this.process = process;
    this.#links = present();
  }

  static async start(): Promise<PeerNetwork> {
    const network = new PeerNetwork(host().current);
    network.#links.attach(network);
    return network;
  }

  addresses(): string[] {
    return [];
  }

  connectedPeers(): PeerName[] {
    return [...this.#connected];
  }

  peerStatus(): [] {
    return [];
  }

  async setContacts(): Promise<void> {}

  penalise(peer: PeerName, code: PenaltyCode): void {
    this.#links.penalised(this, peer, code);
  }

  send(peer: PeerName, channel: Channel, bytes: Uint8Array): SendVerdict {
    if (!this.#connected.has(peer)) return 'disconnected';
    this.#links.send(this, peer, channel, bytes);
    return 'queued';
  }

  broadcast(channel: Channel, bytes: Uint8Array): void {
    for (const peer of this.#connected) this.send(peer, channel, bytes);
  }

  onMessage(handler: MessageHandler): void {
    this.#handlers.push(handler);
  }

  handleRequest(method: string, handler: RequestHandler): void {
    this.#requests.set(method, handler);
  }

  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#gossip.set(topic, handler);
  }

  async publish(topic: GossipTopic, bytes: Uint8Array): Promise<void> {
    this.#links.publish(this, topic, bytes);
  }

  request(
    peer: PeerName,
    method: string,
    bytes: Uint8Array,
    { timeoutMs = 10_000 }: RequestOptions = {},
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error('the request timed out')), timeoutMs);
      this.#links.request(this, peer, method, bytes, (reply) => {
        if (reply === undefined) reject(new Error('the stream broke'));
        else resolve(reply);
      });
    });
  }

  /** A message has arrived. */
  deliver(from: PeerName, channel: Channel, bytes: Uint8Array): void {
    for (const handler of this.#handlers) handler(from, channel, bytes);
  }

  /** Gossip has arrived. */
  hear(from: PeerName, topic: GossipTopic, bytes: Uint8Array): void {
    if (this.#gossip.get(topic)?.(from, bytes) === 'reject') this.penalise(from, 'gossip-rejected');
  }

  /** A request has arrived; a refusal is as good as none. */
  answer(from: PeerName, method: string, bytes: Uint8Array, reply: (bytes: Uint8Array) => void): void {
    this.#requests
      .get(method)?.(from, bytes)
      .then(reply, () => undefined);
  }

  /** The connection to a peer is there, or gone. */
  setConnected(peer: PeerName, connected: boolean): void {
    if (this.#connected.has(peer) === connected) return;
    if (connected) this.#connected.add(peer);
    else this.#connected.delete(peer);
    this.events.emit(connected ? 'peerConnected' : 'peerDisconnected', peer);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
