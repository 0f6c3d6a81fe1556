/**
 * Every bound of the peer network with its reason. They are local to a node and protect memory and CPU; replicas need
 * not agree on them, except that no honest node may send more than another accepts.
 */
import type { Channel } from './types.ts';

/** A token bucket's size and refill. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Bounds of one message channel, for each peer. */
export interface ChannelLimits {
  /** Largest message. */
  readonly maxMessageBytes: number;
  /** Most bytes waiting for a slow peer; beyond it the oldest messages are dropped. */
  readonly maxQueuedBytes: number;
  /** Most bytes handed to the stream in one send. */
  readonly maxBatchBytes: number;
  /** Messages accepted from one peer. */
  readonly messages: Rate;
  /** Bytes accepted from one peer. */
  readonly bytes: Rate;
}

/** All bounds of the network. */
export interface NetworkLimits {
  readonly channels: Readonly<Record<Channel, ChannelLimits>>;
  readonly gossip: { readonly maxMessageBytes: number; readonly messages: Rate; readonly bytes: Rate };
  readonly request: {
    readonly maxRequestBytes: number;
    readonly maxResponseBytes: number;
    /** Requests in flight to one peer, and handlers running for one peer. */
    readonly slots: number;
    readonly defaultTimeoutMs: number;
    /** How long a peer may take to send a request or to take an answer. */
    readonly serveTimeoutMs: number;
    readonly requests: Rate;
  };
  /** Bytes on the wire that belong to no message: framing, flow control, pings, half-open streams. */
  readonly overheadBytes: Rate;
  /** Channel streams a peer may open. */
  readonly streamOpens: Rate;
  /** Streams a peer may hold open on one connection. */
  readonly maxInboundStreams: number;
  /** A connection is dropped when the negotiation of it or of a stream takes longer. */
  readonly handshakeTimeoutMs: number;
  readonly dialTimeoutMs: number;
  /** Back-off between dials of a peer: doubles from the first to the last, jittered. */
  readonly redialMs: { readonly first: number; readonly last: number };
  /** Handshakes in progress from one host. */
  readonly maxPendingPerHost: number;
  /** Failed or refused handshakes from one host before it is turned away without one. */
  readonly refusalsPerHost: Rate;
  readonly score: {
    /** Penalty at which a peer is banned. */
    readonly banAt: number;
    /** Time in which a penalty halves. */
    readonly halfLifeMs: number;
    /** Length of the first ban; each further one doubles. */
    readonly firstBanMs: number;
    readonly lastBanMs: number;
  };
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** The bounds of a production node. */
export const DEFAULT_NETWORK_LIMITS: NetworkLimits = {
  channels: {
    consensus: {
      maxMessageBytes: 2 * MIB, // an inline proposal with its justification
      maxQueuedBytes: 8 * MIB, // several views of proposals: an older one is useless
      maxBatchBytes: 2 * MIB, // with one message over it a coalesced frame stays within 4 MiB
      messages: { burst: 40_000, perSecond: 20_000 }, // 100 validators at 50 views a second send 10,000 votes
      bytes: { burst: 64 * MIB, perSecond: 32 * MIB },
    },
    bulk: {
      maxMessageBytes: 2 * MIB, // a body or a batch of envelopes
      maxQueuedBytes: 32 * MIB,
      maxBatchBytes: 256 * KIB, // a vote never waits behind more than this much bulk handed over in one go
      messages: { burst: 60_000, perSecond: 30_000 }, // far beyond the envelopes one entry node admits
      bytes: { burst: 128 * MIB, perSecond: 64 * MIB },
    },
  },
  gossip: {
    maxMessageBytes: MIB, // gossipsub loses messages of 4 MiB and more silently
    messages: { burst: 2_000, perSecond: 500 },
    bytes: { burst: 32 * MIB, perSecond: 8 * MIB },
  },
  request: {
    maxRequestBytes: 256 * KIB,
    maxResponseBytes: 8 * MIB,
    slots: 8,
    defaultTimeoutMs: 10_000,
    serveTimeoutMs: 30_000,
    requests: { burst: 1_000, perSecond: 500 },
  },
  overheadBytes: { burst: 16 * MIB, perSecond: MIB },
  streamOpens: { burst: 40, perSecond: 4 },
  maxInboundStreams: 48,
  handshakeTimeoutMs: 5_000,
  dialTimeoutMs: 5_000,
  redialMs: { first: 50, last: 5_000 },
  maxPendingPerHost: 64,
  refusalsPerHost: { burst: 100, perSecond: 10 },
  score: { banAt: 100, halfLifeMs: 30_000, firstBanMs: 10_000, lastBanMs: 600_000 },
};
