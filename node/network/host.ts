/**
 * The libp2p host: TCP, Noise, Yamux and gossipsub with our bounds, and nothing else. No identify, no discovery, no
 * peer routing: everything about peers is known from genesis.
 */
import type { GossipSub, GossipSubComponents } from '@libp2p/gossipsub';
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { createLibp2p } from 'libp2p';

import type { NetworkLimits } from './limits.ts';
import { guardedTcp } from './negotiation-guard.ts';
import type { NegotiationGuard } from './negotiation-guard.ts';
import { quietLogger } from './quiet-logger.ts';

/** What the host is made of. */
export interface HostOptions {
  readonly privateKey: PrivateKey;
  readonly listen: { readonly host: string; readonly port: number };
  readonly gater: ConnectionGater;
  readonly guard: NegotiationGuard;
  readonly gossip: (components: GossipSubComponents) => GossipSub;
  readonly limits: NetworkLimits;
  readonly peers: number;
}

/** Most unread bytes of one stream; our streams are read as they arrive. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** Largest receive window: what a peer may send before we answered, for each stream. */
const MAX_WINDOW_BYTES = 1024 * 1024;
/** How often a silent connection is probed. */
const PROBE_INTERVAL_MS = 5_000;

/** Makes the host without starting it. */
export const createHost = (options: HostOptions): Promise<Libp2p> => {
  const { privateKey, listen, gater, guard, gossip, limits, peers } = options;
  const family = listen.host.includes(':') ? 'ip6' : 'ip4';
  return createLibp2p({
    start: false,
    privateKey,
    addresses: { listen: [`/${family}/${listen.host}/tcp/${listen.port}`] },
    transports: [guardedTcp],
    connectionEncrypters: [noise()],
    streamMuxers: [
      guard.muxer({
        maxInboundStreams: limits.maxInboundStreams,
        maxOutboundStreams: 256,
        streamOptions: { maxStreamWindowSize: MAX_WINDOW_BYTES, maxReadBufferLength: MAX_UNREAD_BYTES },
      }),
    ],
    connectionGater: gater,
    connectionManager: {
      maxConnections: 4 * peers + 64,
      maxIncomingPendingConnections: 2 * peers + 2 * limits.maxPendingPerHost,
      inboundConnectionThreshold: Infinity, // admission bounds hosts itself, without hurting local networks
      inboundUpgradeTimeout: limits.handshakeTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.handshakeTimeoutMs,
      dialTimeout: limits.dialTimeoutMs,
      addressDialTimeout: limits.dialTimeoutMs,
      reconnectRetries: 0,
    },
    connectionMonitor: { enabled: true, pingInterval: PROBE_INTERVAL_MS },
    services: { gossip },
    logger: quietLogger,
  });
};
