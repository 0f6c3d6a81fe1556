/**
 * Gossip of certificates: what heals a missing link through a third node.
 *
 * gossipsub without signatures (what is gossiped proves itself) and with the truncated hash of topic and content as
 * message id. The service drives gossipsub from the state of our links instead of libp2p's identify protocol: a peer
 * takes part once its channels are open, and is told again when its stream died with a replaced connection.
 */
import { gossipsub, TopicValidatorResult } from '@libp2p/gossipsub';
import type { GossipSub, GossipSubComponents, Message } from '@libp2p/gossipsub';
import { serviceDependencies } from '@libp2p/interface';
import type { Connection, PeerId, StreamHandler, Topology } from '@libp2p/interface';
import { sha256 } from '#primitives';

import type { Logger } from '../logger.ts';
import { delegate } from './delegate.ts';
import { networkErrors } from './errors.ts';
import type { NetworkLimits } from './limits.ts';
import type { NetworkInstruments } from './network-metrics.ts';
import type { PeerLink } from './peer-link.ts';
import { GOSSIP_TOPICS } from './types.ts';
import type { GossipHandler, GossipTopic, GossipVerdict } from './types.ts';

/** What gossip needs. */
export interface GossipContext {
  readonly limits: NetworkLimits['gossip'];
  readonly instruments: NetworkInstruments;
  readonly logger: Logger;
  readonly prefix: string;
  readonly find: (peerId: PeerId) => PeerLink | undefined;
  readonly nowMs: () => number;
}

const MESSAGE_ID_BYTES = 20;
/** Room for the envelope of gossipsub around the largest message. */
const RPC_OVERHEAD_BYTES = 64 * 1024;
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;

/** Bounds on one control message; an honest node of this network sends far less. */
const DECODE_LIMITS = {
  maxSubscriptions: 16,
  maxMessages: 64,
  maxIhaveMessageIDs: 1_000,
  maxIwantMessageIDs: 1_000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 64,
  maxPeerInfos: 0,
};

const RESULTS: Readonly<Record<GossipVerdict, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/** Publishes and judges gossip. */
export class GossipService {
  readonly #context: GossipContext;
  readonly #handlers = new Map<GossipTopic, GossipHandler>();
  readonly #topologies = new Set<Topology>();
  #pubsub: GossipSub | undefined;

  constructor(context: GossipContext) {
    this.#context = context;
  }

  /** The libp2p service: give it to `createLibp2p`. */
  readonly service = (components: GossipSubComponents): GossipSub => {
    const pubsub = gossipsub(this.#options())({
      privateKey: components.privateKey,
      peerId: components.peerId,
      peerStore: components.peerStore,
      registrar: this.#intercept(components.registrar),
      connectionManager: components.connectionManager,
      logger: components.logger,
    });
    Object.defineProperty(pubsub, serviceDependencies, { value: [] }); // no identify: the links drive it
    this.#pubsub = pubsub;
    return pubsub;
  };

  /** Subscribes to all topics. */
  start(): void {
    const pubsub = this.#started();
    for (const topic of GOSSIP_TOPICS) {
      const name = this.#topicName(topic);
      pubsub.topicValidators.set(name, (peerId, message) => this.#judge(topic, peerId, message));
      pubsub.subscribe(name);
    }
  }

  /** Sets the judge of a topic; without one its messages are ignored. */
  onGossip(topic: GossipTopic, handler: GossipHandler): void {
    this.#handlers.set(topic, handler);
  }

  /** Publishes to the neighbours, who pass it on. A repeated message is sent once. */
  async publish(topic: GossipTopic, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > this.#context.limits.maxMessageBytes) {
      throw networkErrors.error('NETWORK_MESSAGE_TOO_LARGE', { topic, sizeBytes: bytes.byteLength });
    }
    await this.#started().publish(this.#topicName(topic), bytes);
    this.#context.instruments.gossipPublished.with({ topic }).add();
  }

  /** Neighbours known to follow a topic. */
  subscribers(topic: GossipTopic): PeerId[] {
    return this.#started().getSubscribers(this.#topicName(topic));
  }

  /** Lets a connected peer take part. Does nothing when its gossip stream is open. */
  connect(peerId: PeerId, connection: Connection): void {
    for (const topology of this.#topologies) void topology.onConnect?.(peerId, connection);
  }

  /** Forgets a peer. */
  disconnect(peerId: PeerId): void {
    for (const topology of this.#topologies) void topology.onDisconnect?.(peerId);
  }

  #options(): Parameters<typeof gossipsub>[0] {
    const topics = new Set(GOSSIP_TOPICS.map((topic) => this.#topicName(topic)));
    return {
      globalSignaturePolicy: 'StrictNoSign',
      msgIdFn: (message: Message) => sha256(Buffer.from(message.topic), message.data).subarray(0, MESSAGE_ID_BYTES),
      allowedTopics: topics,
      emitSelf: false,
      fallbackToFloodsub: false,
      floodPublish: true,
      doPX: false,
      tagMeshPeers: false,
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
      maxInboundDataLength: this.#context.limits.maxMessageBytes + RPC_OVERHEAD_BYTES,
      maxOutboundBufferSize: MAX_BUFFERED_BYTES,
      decodeRpcLimits: DECODE_LIMITS,
      scoreParams: { IPColocationFactorWeight: 0 }, // a local network shares one address
    };
  }

  #judge(topic: GossipTopic, peerId: PeerId, message: Message): TopicValidatorResult {
    const link = this.#context.find(peerId);
    if (link === undefined || link.isBanned()) return TopicValidatorResult.Ignore;
    const verdict = this.#verdict(topic, link, message.data);
    this.#context.instruments.gossipReceived.with({ topic, verdict }).add();
    if (verdict === 'reject') link.penalise('gossip-rejected');
    return RESULTS[verdict];
  }

  #verdict(topic: GossipTopic, link: PeerLink, data: Uint8Array): GossipVerdict {
    const { limits, logger, nowMs } = this.#context;
    if (data.byteLength > limits.maxMessageBytes) return 'reject';
    if (!link.gossipMessages.take(1, nowMs())) {
      link.penalise('gossip-rate');
      return 'ignore';
    }
    const handler = this.#handlers.get(topic);
    if (handler === undefined) return 'ignore';
    try {
      return handler(link.peer, new Uint8Array(data));
    } catch (error) {
      logger.error({ peer: link.peer, topic, err: error }, 'gossip handler failed');
      return 'ignore';
    }
  }

  /** Sees gossip streams first, to meter them, and keeps gossipsub's topologies for the links to drive. */
  #intercept(registrar: GossipSubComponents['registrar']): GossipSubComponents['registrar'] {
    const metered =
      (handler: StreamHandler): StreamHandler =>
      (stream, connection) => {
        const link = this.#context.find(connection.remotePeer);
        if (link === undefined || link.isBanned()) {
          stream.abort(new Error('refused'));
          return;
        }
        const handled = handler(stream, connection);
        // Only after gossipsub listens: the first listener of a stream gets what was buffered.
        setImmediate(() => stream.addEventListener('message', (event) => this.#meter(link, event.data.byteLength)));
        return handled;
      };
    return delegate(registrar, {
      handle: (protocol, handler, options) => registrar.handle(protocol, metered(handler), options),
      register: (_protocol, topology) => {
        this.#topologies.add(topology);
        return Promise.resolve('links');
      },
      unregister: () => this.#topologies.clear(),
    });
  }

  #meter(link: PeerLink, bytes: number): void {
    link.onStreamBytes(bytes);
    if (!link.gossipBytes.take(bytes, this.#context.nowMs())) link.penalise('byte-rate', 10);
  }

  #topicName(topic: GossipTopic): string {
    return `${this.#context.prefix}/gossip/1/${topic}`;
  }

  #started(): GossipSub {
    if (this.#pubsub === undefined) throw networkErrors.error('NETWORK_STOPPED');
    return this.#pubsub;
  }
}
