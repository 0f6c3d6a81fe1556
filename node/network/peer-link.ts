/**
 * The link to one peer that is let in: one connection, an outgoing and an incoming stream for each channel, a score.
 *
 * Owns the decision which of two simultaneous connections stays: the one dialled by the lower peer id, unless the other
 * is so old that a peer which dials again cannot be seeing it any more. Re-opens streams that die and dials for ever.
 */
import type { Connection, PeerId, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { Logger } from '../logger.ts';
import type { AdmittedPeer } from './admission.ts';
import { InboundChannel } from './inbound-channel.ts';
import type { NetworkLimits } from './limits.ts';
import type { NetworkInstruments } from './network-metrics.ts';
import { OutboundChannel } from './outbound-channel.ts';
import { PeerScore } from './peer-score.ts';
import { PENALTY_WEIGHTS } from './penalty-weights.ts';
import { TokenBucket } from './token-bucket.ts';
import { CHANNELS } from './types.ts';
import type { Channel, PeerName, PeerStatus, PenaltyCode, SendVerdict } from './types.ts';
import { WireMeter } from './wire-meter.ts';

/** What a link needs from the network. */
export interface LinkContext {
  readonly self: PeerName;
  readonly limits: NetworkLimits;
  readonly instruments: NetworkInstruments;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly protocols: Readonly<Record<Channel, string>>;
  readonly nowMs: () => number;
  readonly dial: (address: Multiaddr, peerId: PeerId, signal: AbortSignal) => Promise<unknown>;
  readonly abortConnections: (peerId: PeerId) => void;
  readonly scheduleFlush: (channel: OutboundChannel) => void;
  readonly deliver: (link: PeerLink, channel: Channel, message: Uint8Array) => void;
  readonly onConnected: (link: PeerLink, connection: Connection) => void;
  readonly onReplaced: (link: PeerLink, connection: Connection) => void;
  readonly onDisconnected: (link: PeerLink) => void;
  readonly onDrained: (link: PeerLink, channel: Channel) => void;
  readonly onBanned: (link: PeerLink, banMs: number) => void;
}

/** While our own dial is this young, the dial of a higher peer id is declined in favour of it. */
const DIAL_PRECEDENCE_MS = 1_000;
/** A stream that lasted this long was healthy: the next one is opened at once. */
const HEALTHY_STREAM_MS = 10_000;

/** Connection, streams, score and dialling of one peer. */
export class PeerLink implements AdmittedPeer {
  readonly peer: PeerName;
  readonly peerId: PeerId;
  /** Requests we have in flight to the peer. */
  asking = 0;
  /** Requests of the peer that we are serving. */
  serving = 0;
  readonly requestRate: TokenBucket;
  readonly gossipMessages: TokenBucket;
  readonly gossipBytes: TokenBucket;
  readonly #context: LinkContext;
  readonly #score: PeerScore;
  readonly #meter: WireMeter;
  readonly #streamOpens: TokenBucket;
  readonly #outbound: Record<Channel, OutboundChannel>;
  readonly #inbound: Record<Channel, InboundChannel>;
  readonly #opening = new Set<Channel>();
  readonly #streamFailures: Record<Channel, number> = { consensus: 0, bulk: 0 };
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #tasks = new Set<Promise<void>>();
  #address: Multiaddr | undefined;
  #connection: Connection | undefined;
  #adoptedMs = 0;
  #announced = false;
  #dialTimer: NodeJS.Timeout | undefined;
  #dialStartedMs: number | undefined;
  #dialFailures = 0;

  constructor(peer: PeerName, peerId: PeerId, address: Multiaddr | undefined, context: LinkContext) {
    const nowMs = context.nowMs();
    const { limits } = context;
    this.peer = peer;
    this.peerId = peerId;
    this.#address = address;
    this.#context = context;
    this.#score = new PeerScore(limits.score, nowMs);
    this.#meter = new WireMeter(limits.overheadBytes, nowMs);
    this.#streamOpens = new TokenBucket(limits.streamOpens, nowMs);
    this.requestRate = new TokenBucket(limits.request.requests, nowMs);
    this.gossipMessages = new TokenBucket(limits.gossip.messages, nowMs);
    this.gossipBytes = new TokenBucket(limits.gossip.bytes, nowMs);
    this.#outbound = { consensus: this.#makeOutbound('consensus'), bulk: this.#makeOutbound('bulk') };
    this.#inbound = { consensus: this.#makeInbound('consensus'), bulk: this.#makeInbound('bulk') };
  }

  /** The connection in use, if any. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Whether both channels were opened on the present connection. */
  get isConnected(): boolean {
    return this.#announced;
  }

  /** Begins to dial. The higher peer id waits a moment, so that both ends rarely dial at once. */
  start(): void {
    this.#scheduleDial(this.#context.self < this.peer ? 0 : this.#context.limits.redialMs.first);
  }

  /** Tells where the peer listens now and dials it there. */
  setAddress(address: Multiaddr | undefined): void {
    if (address?.toString() === this.#address?.toString()) return;
    this.#address = address;
    this.#dialFailures = 0;
    if (this.#connection === undefined) this.start();
  }

  /** Queues a message for the peer. Without a connection nothing is kept: what is missing is pulled later. */
  send(channel: Channel, message: Uint8Array): SendVerdict {
    if (!this.#announced) {
      this.#context.instruments.droppedMessages.with({ channel, reason: 'disconnected' }).add();
      return 'disconnected';
    }
    return this.#outbound[channel].enqueue(message);
  }

  isBanned(): boolean {
    return this.#bannedForMs > 0;
  }

  isDuplicate(direction: 'inbound' | 'outbound'): boolean {
    const nowMs = this.#context.nowMs();
    const ownDialWins = this.#context.self < this.peer;
    const losing = direction === 'inbound' ? ownDialWins : !ownDialWins;
    if (!losing) return false;
    const current = this.#connection;
    if (current !== undefined && current.status === 'open') {
      return current.direction !== direction && nowMs - this.#adoptedMs < this.#context.limits.dialTimeoutMs;
    }
    return (
      direction === 'inbound' && this.#dialStartedMs !== undefined && nowMs - this.#dialStartedMs < DIAL_PRECEDENCE_MS
    );
  }

  onWireBytes(bytes: number): void {
    if (!this.#meter.onWire(bytes, this.#context.nowMs())) this.penalise('overhead-rate');
  }

  /** Counts bytes that reached a stream of ours. */
  onStreamBytes(bytes: number): void {
    this.#meter.onStream(bytes);
  }

  /** Adds a penalty; at the limit the peer is disconnected and refused for a while. Returns false when banned. */
  penalise(code: PenaltyCode, weight: number = PENALTY_WEIGHTS[code]): boolean {
    const { instruments, logger, nowMs } = this.#context;
    instruments.penalties.with({ code }).add();
    const banMs = this.#score.penalise(weight, nowMs());
    if (banMs !== undefined) {
      instruments.bans.with({}).add();
      logger.warn({ peer: this.peer, code, banMs }, 'peer refused for its score');
      this.#context.abortConnections(this.peerId);
      this.#connection?.abort(new Error('banned'));
      this.#scheduleDial(banMs);
      this.#context.onBanned(this, banMs);
    }
    return !this.isBanned();
  }

  /** Takes up a new connection, or closes it because another one stays. */
  adopt(connection: Connection): void {
    const current = this.#connection;
    if (this.isBanned() || this.#context.signal.aborted) {
      connection.abort(new Error('refused'));
      return;
    }
    if (current !== undefined && current.status === 'open') {
      if (!this.#streamOpens.take(1, this.#context.nowMs()) && !this.penalise('extra-connections')) return;
      const stays = this.#prefersNew(current, connection);
      this.#closeQuietly(stays ? current : connection);
      if (!stays) return;
    }
    this.#connection = connection;
    this.#adoptedMs = this.#context.nowMs();
    clearTimeout(this.#dialTimer);
    if (this.#announced) this.#context.onReplaced(this, connection);
    for (const channel of CHANNELS) this.#openStream(channel);
  }

  /** Notices that a connection ended. */
  release(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    const wasConnected = this.#announced;
    this.#announced = false;
    for (const channel of CHANNELS) this.#outbound[channel].clear();
    if (wasConnected) {
      this.#dialFailures = 0;
      this.#context.onDisconnected(this);
    } else {
      this.#dialFailures += 1;
    }
    this.#scheduleDial(this.#redialDelayMs());
  }

  /** Takes a channel stream that the peer opened. */
  accept(channel: Channel, stream: Stream): void {
    if (this.isBanned()) {
      stream.abort(new Error('banned'));
      return;
    }
    if (!this.#streamOpens.take(1, this.#context.nowMs()) && !this.penalise('stream-churn')) return;
    this.#inbound[channel].attach(stream);
  }

  /** What a status page shows. */
  status(): PeerStatus {
    const bannedForMs = this.#bannedForMs;
    const state =
      bannedForMs > 0
        ? 'banned'
        : this.#announced
          ? 'connected'
          : this.#connection !== undefined || this.#dialStartedMs !== undefined
            ? 'connecting'
            : 'disconnected';
    return {
      peer: this.peer,
      address: this.#address?.toString() ?? this.#connection?.remoteAddr.toString(),
      state,
      direction: this.#connection?.direction,
      roundTripMs: this.#connection?.rtt,
      penalty: this.#score.penalty(this.#context.nowMs()),
      bannedForMs,
      queuedBytes: { consensus: this.#outbound.consensus.queuedBytes, bulk: this.#outbound.bulk.queuedBytes },
    };
  }

  /** Ends the link for good: the peer is no longer let in. */
  async leave(): Promise<void> {
    this.#address = undefined;
    this.#context.abortConnections(this.peerId);
    if (this.#connection !== undefined) this.release(this.#connection);
    await this.stop();
  }

  /** Stops dialling and waits for what is under way. The signal of the context must be aborted before. */
  async stop(): Promise<void> {
    clearTimeout(this.#dialTimer);
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    await Promise.allSettled(this.#tasks);
  }

  #makeOutbound(channel: Channel): OutboundChannel {
    const { instruments, limits } = this.#context;
    const cells = {
      messages: instruments.sentMessages.with({ channel }),
      bytes: instruments.sentBytes.with({ channel }),
      sends: instruments.sends.with({ channel }),
      dropped: instruments.droppedMessages.with({ channel, reason: 'queue' }),
    };
    return new OutboundChannel(CHANNELS.indexOf(channel), limits.channels[channel], cells, {
      schedule: this.#context.scheduleFlush,
      onDrained: () => this.#context.onDrained(this, channel),
    });
  }

  #makeInbound(channel: Channel): InboundChannel {
    const { instruments, limits, nowMs } = this.#context;
    const cells = {
      messages: instruments.receivedMessages.with({ channel }),
      bytes: instruments.receivedBytes.with({ channel }),
      overRate: instruments.droppedMessages.with({ channel, reason: 'rate' }),
    };
    return new InboundChannel(limits.channels[channel], cells, {
      nowMs,
      onStreamBytes: (bytes) => this.onStreamBytes(bytes),
      deliver: (message) => this.#context.deliver(this, channel, message),
      penalise: (code) => this.penalise(code),
    });
  }

  #prefersNew(current: Connection, fresh: Connection): boolean {
    if (this.#context.nowMs() - this.#adoptedMs >= this.#context.limits.dialTimeoutMs) return true;
    if (fresh.direction === current.direction) return true;
    return (fresh.direction === 'outbound') === this.#context.self < this.peer;
  }

  #closeQuietly(connection: Connection): void {
    const closing = connection.close({ signal: AbortSignal.timeout(1_000) });
    this.#track(closing.catch((error: unknown) => connection.abort(asError(error))));
  }

  #openStream(channel: Channel): void {
    const connection = this.#connection;
    if (connection === undefined || this.#opening.has(channel)) return;
    this.#opening.add(channel);
    const { signal, limits, protocols } = this.#context;
    const opened = connection
      .newStream(protocols[channel], {
        signal: AbortSignal.any([signal, AbortSignal.timeout(limits.handshakeTimeoutMs)]),
        maxOutboundStreams: 4,
      })
      .finally(() => this.#opening.delete(channel))
      .then(
        (stream) => this.#useStream(channel, connection, stream),
        (error: unknown) => this.#onStreamRefused(channel, connection, error),
      );
    this.#track(opened);
  }

  #useStream(channel: Channel, connection: Connection, stream: Stream): void {
    if (connection !== this.#connection) {
      stream.abort(new Error('connection replaced'));
      this.#openStream(channel); // on the connection that took its place
      return;
    }
    if (stream.status !== 'open') {
      this.#reopenLater(channel);
      return;
    }
    const outbound = this.#outbound[channel];
    const openedMs = this.#context.nowMs();
    stream.addEventListener('message', () => {
      stream.abort(new Error('data on a one-way stream'));
      this.penalise('malformed-frame');
    });
    stream.addEventListener('close', () => {
      outbound.detach(stream);
      if (this.#context.nowMs() - openedMs > HEALTHY_STREAM_MS) this.#streamFailures[channel] = 0;
      if (connection === this.#connection) this.#reopenLater(channel);
    });
    outbound.attach(stream);
    if (!this.#announced && CHANNELS.every((each) => this.#outbound[each].stream !== undefined)) {
      this.#announced = true;
      this.#context.onConnected(this, connection);
    }
  }

  #onStreamRefused(channel: Channel, connection: Connection, error: unknown): void {
    if (connection !== this.#connection) {
      this.#openStream(channel);
      return;
    }
    const { logger, signal } = this.#context;
    if (signal.aborted) return;
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
      logger.warn({ peer: this.peer }, 'peer serves another chain or protocol version');
      connection.abort(error);
      return;
    }
    logger.debug({ peer: this.peer, channel, err: error }, 'channel stream was not opened');
    this.#reopenLater(channel);
  }

  #reopenLater(channel: Channel): void {
    if (this.#context.signal.aborted) return;
    const failures = this.#streamFailures[channel];
    this.#streamFailures[channel] = failures + 1;
    const { first, last } = this.#context.limits.redialMs;
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (this.#outbound[channel].stream === undefined) this.#openStream(channel);
      },
      failures === 0 ? 0 : Math.min(last, first * 2 ** Math.min(failures, 20)),
    );
    this.#timers.add(timer);
  }

  #redialDelayMs(): number {
    const { first, last } = this.#context.limits.redialMs;
    const exponent = Math.min(this.#dialFailures, 20);
    return Math.min(last, first * 2 ** exponent) * (0.5 + Math.random() / 2);
  }

  #scheduleDial(delayMs: number): void {
    clearTimeout(this.#dialTimer);
    if (this.#address === undefined || this.#context.signal.aborted) return;
    this.#dialTimer = setTimeout(() => this.#track(this.#dial()), Math.max(delayMs, this.#bannedForMs));
  }

  get #bannedForMs(): number {
    return this.#score.bannedForMs(this.#context.nowMs());
  }

  async #dial(): Promise<void> {
    const address = this.#address;
    if (address === undefined || this.#connection !== undefined || this.#dialStartedMs !== undefined) return;
    const { signal, limits, instruments, logger } = this.#context;
    this.#dialStartedMs = this.#context.nowMs();
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(limits.dialTimeoutMs)]);
      await this.#context.dial(address, this.peerId, within);
      instruments.dials.with({ outcome: 'ok' }).add();
    } catch (error) {
      instruments.dials.with({ outcome: 'failed' }).add();
      logger.debug({ peer: this.peer, err: error }, 'peer was not reached');
      this.#dialFailures += 1;
    } finally {
      this.#dialStartedMs = undefined;
    }
    if (this.#connection === undefined) this.#scheduleDial(this.#redialDelayMs());
  }

  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error: unknown) => this.#context.logger.debug({ peer: this.peer, err: error }, 'link task failed'))
      .finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error('closed'));
