/**
 * The interface of the peer network: what the rest of the node sends, receives and observes. No libp2p type crosses it.
 */
import type { Brand, ChainId } from '../../protocol/brand.ts';
import type { Logger } from '../logger.ts';
import type { MetricsRegistry } from '../metrics.ts';
import type { NetworkLimits } from './limits.ts';

/** Text of a libp2p peer id: who a machine is, whatever its place in the validator set. */
export type PeerName = Brand<string, 'PeerName'>;

/** The two direct channels to each peer; consensus goes first. */
export const CHANNELS = ['consensus', 'bulk'] as const;
/** A direct channel. */
export type Channel = (typeof CHANNELS)[number];

/** What gossip carries: certificates, which heal a missing link through a third node. */
export const GOSSIP_TOPICS = ['certificates'] as const;
/** A gossip topic. */
export type GossipTopic = (typeof GOSSIP_TOPICS)[number];

/** What became of a message handed to `send`: `congested` means queued, but older messages may be dropped for it. */
export type SendVerdict = 'queued' | 'congested' | 'disconnected';

/** What a gossip handler says of a message: deliver on, drop it, or drop it and punish who sent it. */
export type GossipVerdict = 'accept' | 'ignore' | 'reject';

/** Why a peer is penalised. Codes of the network itself; rooms add their own through the same closed union. */
export const PENALTY_CODES = [
  'malformed-frame',
  'oversize-frame',
  'message-rate',
  'byte-rate',
  'gossip-rate',
  'gossip-rejected',
  'request-rate',
  'request-slots',
  'request-malformed',
  'response-malformed',
  'overhead-rate',
  'stream-churn',
  'extra-connections',
  'malformed-message',
  'invalid-signature',
  'invalid-message',
] as const;
/** Why a peer is penalised. */
export type PenaltyCode = (typeof PENALTY_CODES)[number];

/** A machine that is let in, and where it is reached. */
export interface PeerContact {
  readonly peer: PeerName;
  /** Multiaddr without the peer id, such as /ip4/127.0.0.1/tcp/17700; without it we wait to be dialled. */
  readonly address?: string;
}

/** What `PeerNetwork.start` needs. */
export interface PeerNetworkOptions {
  /** Ed25519 secret of the own peer id, 32 bytes. */
  readonly identity: Uint8Array;
  readonly listen: { readonly host: string; readonly port: number };
  /** Everybody who is let in at first; the own contact may be among them. */
  readonly contacts: readonly PeerContact[];
  readonly chainId: ChainId;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly limits?: NetworkLimits;
}

/** Events of `PeerNetwork.events`. */
export interface NetworkEvents {
  /** Both channels to the peer are open. */
  peerConnected: [peer: PeerName];
  /** The connection to the peer ended; what was queued for it is gone. */
  peerDisconnected: [peer: PeerName];
  /** A queue that was congested is empty again. */
  drain: [peer: PeerName, channel: Channel];
  /** The peer's score fell to the limit; it is refused for a while. */
  peerBanned: [peer: PeerName, banMs: number];
}

/** Names of events. */
export type NetworkEvent = keyof NetworkEvents;

/** Takes a message of a channel. Runs synchronously; an exception is contained and logged; the handler itself penalises. */
export type MessageHandler = (peer: PeerName, channel: Channel, bytes: Uint8Array) => void;
/** Judges a gossip message from the neighbour that relayed it. */
export type GossipHandler = (from: PeerName, bytes: Uint8Array) => GossipVerdict;
/** Answers a request. A thrown CloisterError reaches the asking peer as its code. */
export type RequestHandler = (peer: PeerName, bytes: Uint8Array) => Promise<Uint8Array>;

/** Options of one request. */
export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
}

/** State of the link to one peer, for status pages. */
export interface PeerStatus {
  readonly peer: PeerName;
  readonly address: string | undefined;
  readonly state: 'connected' | 'connecting' | 'disconnected' | 'banned';
  readonly direction: 'inbound' | 'outbound' | undefined;
  readonly roundTripMs: number | undefined;
  readonly penalty: number;
  readonly bannedForMs: number;
  readonly queuedBytes: Readonly<Record<Channel, number>>;
}
