/**
 * The peer network of a node: direct channels, requests and gossip between the members of an epoch, over libp2p (TCP,
 * Noise, Yamux).
 *
 * Owns the libp2p host and one link to every other member; members come and go with epochs. Guarantees: messages of one
 * channel from one peer arrive in order or not at all; memory per peer is bounded whatever it sends or refuses to take;
 * handlers run synchronously and cannot break the network. Delivery is best effort: what a peer missed is pulled by
 * consensus.
 */
import { EventEmitter } from 'node:events';

import type { Connection, Ed25519PrivateKey, Libp2p, PeerId } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';

import { MAX_OBSERVERS, MAX_VALIDATORS } from '../../protocol/limits.ts';
import { Admission } from './admission.ts';
import { networkErrors } from './errors.ts';
import { GossipService } from './gossip-service.ts';
import { createHost } from './host.ts';
import { identityFromSecret } from './identity.ts';
import { DEFAULT_NETWORK_LIMITS } from './limits.ts';
import type { NetworkLimits } from './limits.ts';
import { NegotiationGuard } from './negotiation-guard.ts';
import { networkMetrics } from './network-metrics.ts';
import type { NetworkInstruments } from './network-metrics.ts';
import type { OutboundChannel } from './outbound-channel.ts';
import { PeerLink } from './peer-link.ts';
import type { LinkContext } from './peer-link.ts';
import { RequestService } from './request-service.ts';
import { CHANNELS } from './types.ts';
import type {
  Channel,
  GossipHandler,
  GossipTopic,
  MessageHandler,
  NetworkEvent,
  NetworkEvents,
  PeerContact,
  PeerName,
  PeerNetworkOptions,
  PeerStatus,
  PenaltyCode,
  RequestHandler,
  RequestOptions,
  SendVerdict,
} from './types.ts';

/** How often peers whose gossip stream died are taken up again. */
const GOSSIP_REFRESH_MS = 5_000;

const parseAddress = (address: string | undefined): Multiaddr | undefined => {
  if (address === undefined) return undefined;
  try {
    return multiaddr(address);
  } catch (cause) {
    throw networkErrors.error('NETWORK_OPTIONS_INVALID', { address }, cause);
  }
};

/** The network of one node. */
export class PeerNetwork implements AsyncDisposable {
  /** `peerConnected`, `peerDisconnected`, `peerBanned`, `drain`. */
  readonly events = new EventEmitter<NetworkEvents>();
  readonly #options: PeerNetworkOptions;
  readonly #limits: NetworkLimits;
  readonly #instruments: NetworkInstruments;
  readonly #stopping = new AbortController();
  readonly #links = new Map<string, PeerLink>();
  readonly #protocols: Readonly<Record<Channel | 'request', string>>;
  readonly #gossip: GossipService;
  readonly #requests: RequestService;
  readonly #guard = new NegotiationGuard();
  readonly #toFlush = new Set<OutboundChannel>();
  readonly #handlers: MessageHandler[] = [];
  readonly #privateKey: Ed25519PrivateKey;
  readonly #linkContext: LinkContext;
  #flushing: NodeJS.Immediate | undefined;
  #refresh: NodeJS.Timeout | undefined;
  #host: Libp2p | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(options: PeerNetworkOptions, privateKey: Ed25519PrivateKey) {
    this.#options = options;
    this.#privateKey = privateKey;
    this.#limits = options.limits ?? DEFAULT_NETWORK_LIMITS;
    this.#instruments = options.metrics.register(networkMetrics);
    const prefix = `/cloister/${options.chainId.slice(0, 16)}`;
    this.#protocols = {
      consensus: `${prefix}/consensus/1`,
      bulk: `${prefix}/bulk/1`,
      request: `${prefix}/request/1`,
    };
    const shared = { instruments: this.#instruments, nowMs: () => performance.now() };
    const find = (peerId: PeerId): PeerLink | undefined => this.#links.get(peerId.toString());
    this.#gossip = new GossipService({ ...shared, limits: this.#limits.gossip, logger: options.logger, prefix, find });
    this.#requests = new RequestService({
      ...shared,
      limits: this.#limits.request,
      protocol: this.#protocols.request,
      signal: this.#stopping.signal,
    });
    this.#linkContext = this.#makeLinkContext(peerIdFromPrivateKey(privateKey).toString() as PeerName);
    this.events.setMaxListeners(0);
  }

  /** Opens the listener and begins to connect to every peer. */
  static async start(options: PeerNetworkOptions): Promise<PeerNetwork> {
    const network = new PeerNetwork(options, await identityFromSecret(options.identity));
    try {
      await network.#open();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where this node listens, as multiaddrs without peer id. */
  addresses(): string[] {
    return this.#running()
      .getMultiaddrs()
      .map((address) => address.toString().replace(/\/p2p\/[^/]+$/, ''));
  }

  /** Sends to one peer. The bytes must not change afterwards. */
  send(peer: PeerName, channel: Channel, bytes: Uint8Array): SendVerdict {
    this.#checkSize(channel, bytes);
    return this.#link(peer).send(channel, bytes);
  }

  /** Sends to every connected peer. The bytes must not change afterwards. */
  broadcast(channel: Channel, bytes: Uint8Array): void {
    this.#checkSize(channel, bytes);
    for (const link of this.#links.values()) link.send(channel, bytes);
  }

  /** Adds a handler of direct messages; all handlers see every message, in the order of arrival. */
  onMessage(handler: MessageHandler): void {
    this.#handlers.push(handler);
  }

  /** Asks a peer and waits for its answer. Throws codes of `errors.ts`, or the reason of `options.signal`. */
  request(peer: PeerName, method: string, bytes: Uint8Array, options: RequestOptions = {}): Promise<Uint8Array> {
    return this.#requests.ask(this.#link(peer), method, bytes, options);
  }

  /** Answers a request method from now on. */
  handleRequest(method: string, handler: RequestHandler): void {
    this.#requests.handle(method, handler);
  }

  /** Publishes on a gossip topic; at most 1 MiB. */
  publish(topic: GossipTopic, bytes: Uint8Array): Promise<void> {
    return this.#gossip.publish(topic, bytes);
  }

  /** Judges gossip of a topic: accepted messages are passed on to our neighbours. */
  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#gossip.onGossip(topic, handler);
  }

  /** Neighbours known to follow a topic. */
  gossipPeers(topic: GossipTopic): PeerName[] {
    const links = this.#gossip.subscribers(topic).map((peerId) => this.#links.get(peerId.toString()));
    return links.flatMap((link) => (link === undefined ? [] : [link.peer])).sort();
  }

  /** Peers with both channels open. */
  connectedPeers(): PeerName[] {
    return [...this.#links.values()].filter((link) => link.isConnected).map((link) => link.peer);
  }

  /** The state of every link. */
  peerStatus(): PeerStatus[] {
    return [...this.#links.values()].map((link) => link.status());
  }

  /** Lowers the score of a peer; enough of it disconnects and refuses the peer for a while. */
  penalise(peer: PeerName, code: PenaltyCode, weight?: number): void {
    this.#link(peer).penalise(code, weight);
  }

  /** Tells where a peer listens now; `undefined` waits to be dialled. */
  setPeerAddress(peer: PeerName, address: string | undefined): void {
    this.#link(peer).setAddress(parseAddress(address));
  }

  /** From now on exactly these peers are let in: new ones are dialled where they say, links to others end. */
  async setContacts(contacts: readonly PeerContact[]): Promise<void> {
    const known = new Set<string>(contacts.map(({ peer }) => peer));
    const leaving = [...this.#links.values()].filter((link) => !known.has(link.peer));
    for (const link of leaving) this.#links.delete(link.peer);
    for (const { peer, address } of contacts) {
      if (peer === this.#linkContext.self) continue;
      const present = this.#links.get(peer);
      if (present !== undefined) {
        if (address !== undefined) present.setAddress(parseAddress(address));
        continue;
      }
      const link = new PeerLink(peer, peerIdFromString(peer), parseAddress(address), this.#linkContext);
      this.#links.set(peer, link);
      if (this.#host !== undefined) link.start();
    }
    await Promise.all(leaving.map((link) => link.leave()));
  }

  /** Closes every connection and the listener, and waits for what is under way. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#close();
    return this.#stopped;
  }

  #makeLinkContext(self: PeerName): LinkContext {
    return {
      self,
      limits: this.#limits,
      instruments: this.#instruments,
      logger: this.#options.logger,
      signal: this.#stopping.signal,
      protocols: this.#protocols,
      nowMs: () => performance.now(),
      dial: (address, peerId, signal) =>
        this.#running().dial(multiaddr(`${address.toString()}/p2p/${peerId.toString()}`), { signal }),
      abortConnections: (peerId) => {
        for (const connection of this.#host?.getConnections(peerId) ?? []) connection.abort(new Error('banned'));
      },
      scheduleFlush: (channel) => this.#scheduleFlush(channel),
      deliver: (link, channel, message) => this.#deliver(link, channel, message),
      onConnected: (link, connection) => this.#onConnected(link, connection),
      onReplaced: (link, connection) => this.#gossip.connect(link.peerId, connection),
      onDisconnected: (link) => this.#onDisconnected(link),
      onDrained: (link, channel) => this.#emit('drain', link.peer, channel),
      onBanned: (link, banMs) => this.#emit('peerBanned', link.peer, banMs),
    };
  }

  async #open(): Promise<void> {
    const { listen, contacts } = this.#options;
    await this.setContacts(contacts);
    const admission = new Admission({
      limits: this.#limits,
      instruments: this.#instruments,
      find: (peerId) => this.#links.get(peerId.toString()),
      nowMs: () => performance.now(),
    });
    const host = await createHost({
      privateKey: this.#privateKey,
      listen,
      gater: admission.gater,
      guard: this.#guard,
      gossip: this.#gossip.service,
      limits: this.#limits,
      peers: MAX_VALIDATORS + MAX_OBSERVERS, // members may come while the host runs
    });
    this.#host = host;
    host.addEventListener('connection:open', (event) => this.#onConnection(event.detail));
    host.addEventListener('connection:close', (event) => {
      this.#links.get(event.detail.remotePeer.toString())?.release(event.detail);
    });
    await this.#acceptStreams(host);
    try {
      await host.start();
    } catch (cause) {
      throw networkErrors.error('NETWORK_LISTEN_FAILED', { host: listen.host, port: listen.port }, cause);
    }
    this.#gossip.start();
    for (const link of this.#links.values()) link.start();
    this.#refresh = setInterval(() => this.#refreshGossip(), GOSSIP_REFRESH_MS);
    this.#options.logger.info({ addresses: this.addresses(), peers: this.#links.size }, 'peer network started');
  }

  async #acceptStreams(host: Libp2p): Promise<void> {
    for (const channel of CHANNELS) {
      await host.handle(
        this.#protocols[channel],
        (stream, connection) => {
          const link = this.#links.get(connection.remotePeer.toString());
          if (link === undefined) stream.abort(new Error('stranger'));
          else link.accept(channel, stream);
        },
        { maxInboundStreams: 2, maxOutboundStreams: 4 },
      );
    }
    const slots = this.#limits.request.slots;
    await host.handle(
      this.#protocols.request,
      (stream, connection) => {
        const link = this.#links.get(connection.remotePeer.toString());
        if (link === undefined) stream.abort(new Error('stranger'));
        else this.#requests.accept(link, stream);
      },
      { maxInboundStreams: slots * 2, maxOutboundStreams: slots * 2 },
    );
  }

  #onConnection(connection: Connection): void {
    const link = this.#links.get(connection.remotePeer.toString());
    if (link === undefined) {
      connection.abort(new Error('stranger'));
      return;
    }
    this.#guard.onConnection(connection, () => link.penalise('malformed-frame'));
    link.adopt(connection);
  }

  #onConnected(link: PeerLink, connection: Connection): void {
    this.#gossip.connect(link.peerId, connection);
    this.#instruments.connectedPeers.with({}).set(this.connectedPeers().length);
    this.#options.logger.info({ peer: link.peer, direction: connection.direction }, 'peer connected');
    this.#emit('peerConnected', link.peer);
  }

  #onDisconnected(link: PeerLink): void {
    this.#gossip.disconnect(link.peerId);
    this.#instruments.connectedPeers.with({}).set(this.connectedPeers().length);
    this.#options.logger.info({ peer: link.peer }, 'peer disconnected');
    if (!this.#stopping.signal.aborted) this.#emit('peerDisconnected', link.peer);
  }

  #emit<Name extends NetworkEvent>(name: Name, ...details: NetworkEvents[Name]): void {
    for (const listener of this.events.listeners(name)) {
      try {
        Reflect.apply(listener, undefined, details);
      } catch (error) {
        this.#options.logger.error({ event: name, err: error }, 'network event listener failed');
      }
    }
  }

  #deliver(link: PeerLink, channel: Channel, message: Uint8Array): void {
    for (const handler of this.#handlers) {
      try {
        handler(link.peer, channel, message);
      } catch (error) {
        this.#options.logger.error({ peer: link.peer, channel, err: error }, 'message handler failed');
      }
    }
  }

  /** One flush a turn of the event loop writes everything queued in it: consensus of all peers first, then bulk. */
  #scheduleFlush(channel: OutboundChannel): void {
    this.#toFlush.add(channel);
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      const channels = [...this.#toFlush].sort((a, b) => a.priority - b.priority);
      this.#toFlush.clear();
      for (const each of channels) each.flush();
    });
  }

  #refreshGossip(): void {
    for (const link of this.#links.values()) {
      if (link.isConnected && link.connection !== undefined) this.#gossip.connect(link.peerId, link.connection);
    }
  }

  #checkSize(channel: Channel, bytes: Uint8Array): void {
    const { maxMessageBytes } = this.#limits.channels[channel];
    if (bytes.byteLength > 0 && bytes.byteLength <= maxMessageBytes) return;
    throw networkErrors.error('NETWORK_MESSAGE_TOO_LARGE', { channel, sizeBytes: bytes.byteLength, maxMessageBytes });
  }

  #link(peer: PeerName): PeerLink {
    const link = this.#links.get(peer);
    if (link === undefined) throw networkErrors.error('NETWORK_UNKNOWN_PEER', { peer });
    return link;
  }

  #running(): Libp2p {
    if (this.#host === undefined || this.#stopping.signal.aborted) throw networkErrors.error('NETWORK_STOPPED');
    return this.#host;
  }

  async #close(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#refresh);
    clearImmediate(this.#flushing);
    const links = [...this.#links.values()];
    await Promise.all(links.map((link) => link.stop()));
    await this.#host?.stop();
    await this.#requests.stop();
    await Promise.all(links.map((link) => link.stop())); // what the closing connections left
    this.events.removeAllListeners();
  }
}
