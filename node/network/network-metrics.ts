/**
 * Metrics of the peer network.
 */
import { defineMetrics } from '../metrics.ts';
import type { Instruments } from '../metrics.ts';
import { CHANNELS, GOSSIP_TOPICS, PENALTY_CODES } from './types.ts';

/** Declarations of the metrics that `PeerNetwork` counts. */
export const networkMetrics = defineMetrics('network', {
  sentMessages: {
    kind: 'counter',
    what: 'messages_sent',
    unit: 'total',
    help: 'Messages handed to direct streams.',
    labels: { channel: CHANNELS },
  },
  sentBytes: {
    kind: 'counter',
    what: 'sent',
    unit: 'bytes_total',
    help: 'Bytes of messages handed to direct streams.',
    labels: { channel: CHANNELS },
  },
  sends: {
    kind: 'counter',
    what: 'sends',
    unit: 'total',
    help: 'Coalesced sends on direct streams; messages per send is the coalescing factor.',
    labels: { channel: CHANNELS },
  },
  receivedMessages: {
    kind: 'counter',
    what: 'messages_received',
    unit: 'total',
    help: 'Messages delivered from direct streams.',
    labels: { channel: CHANNELS },
  },
  receivedBytes: {
    kind: 'counter',
    what: 'received',
    unit: 'bytes_total',
    help: 'Bytes of messages delivered from direct streams.',
    labels: { channel: CHANNELS },
  },
  droppedMessages: {
    kind: 'counter',
    what: 'messages_dropped',
    unit: 'total',
    help: 'Messages not delivered, by reason: our queue for a slow or absent peer, or the rate of a sender.',
    labels: { channel: CHANNELS, reason: ['queue', 'disconnected', 'rate'] },
  },
  gossipReceived: {
    kind: 'counter',
    what: 'gossip_received',
    unit: 'total',
    help: 'Gossip messages by verdict.',
    labels: { topic: GOSSIP_TOPICS, verdict: ['accept', 'ignore', 'reject'] },
  },
  gossipPublished: {
    kind: 'counter',
    what: 'gossip_published',
    unit: 'total',
    help: 'Gossip messages published by this node.',
    labels: { topic: GOSSIP_TOPICS },
  },
  requests: {
    kind: 'counter',
    what: 'requests',
    unit: 'total',
    help: 'Requests by side and outcome.',
    labels: { side: ['asked', 'served'], outcome: ['ok', 'refused', 'busy', 'timeout', 'failed'] },
  },
  connectedPeers: { kind: 'gauge', what: 'connected', unit: 'peers', help: 'Peers with both channels open.' },
  dials: {
    kind: 'counter',
    what: 'dials',
    unit: 'total',
    help: 'Outbound connection attempts.',
    labels: { outcome: ['ok', 'failed'] },
  },
  refusedConnections: {
    kind: 'counter',
    what: 'connections_refused',
    unit: 'total',
    help: 'Connections refused before any protocol ran.',
    labels: { reason: ['stranger', 'banned', 'duplicate', 'host-pending', 'host-refusals'] },
  },
  penalties: {
    kind: 'counter',
    what: 'penalties',
    unit: 'total',
    help: 'Penalties given to peers.',
    labels: { code: PENALTY_CODES },
  },
  bans: { kind: 'counter', what: 'bans', unit: 'total', help: 'Times a peer was refused for its score.' },
});

/** The registered metrics of the network. */
export type NetworkInstruments = Instruments<(typeof networkMetrics)['metrics']>;
