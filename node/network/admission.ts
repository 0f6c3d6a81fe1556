/**
 * Who may connect: only peer ids of genesis, in either direction, and only while they are not banned.
 *
 * A stranger is refused right after the Noise handshake told who it is, before a multiplexer or any protocol runs.
 * Handshakes cost CPU, so each host has a bound on those in progress and on those that led nowhere; genesis peers that
 * share a host (a local network) are not bounded among themselves.
 */
import type { ConnectionGater, MultiaddrConnection, PeerId } from '@libp2p/interface';

import type { NetworkLimits } from './limits.ts';
import type { NetworkInstruments } from './network-metrics.ts';
import { TokenBucket } from './token-bucket.ts';

/** What admission asks the link of a genesis peer. */
export interface AdmittedPeer {
  isBanned(): boolean;
  /** Whether a connection in this direction would lose against another one that is there or under way. */
  isDuplicate(direction: 'inbound' | 'outbound'): boolean;
  /** Counts bytes on the wire. */
  onWireBytes(bytes: number): void;
}

/** What admission needs. */
export interface AdmissionContext {
  readonly limits: NetworkLimits;
  readonly instruments: NetworkInstruments;
  readonly find: (peerId: PeerId) => AdmittedPeer | undefined;
  readonly nowMs: () => number;
}

interface Host {
  pending: number;
  readonly refusals: TokenBucket;
}

const MAX_HOSTS = 4_096;

/** The connection gater of the network. */
export class Admission {
  readonly #context: AdmissionContext;
  readonly #hosts = new Map<string, Host>();
  readonly #pending = new Map<MultiaddrConnection, Host>();

  constructor(context: AdmissionContext) {
    this.#context = context;
  }

  /** The hooks libp2p calls; `true` refuses. */
  readonly gater: ConnectionGater = {
    denyDialPeer: (peerId) => this.#refuses(peerId, undefined),
    denyInboundConnection: (connection) => this.#refusesHost(connection),
    denyOutboundConnection: (peerId) => this.#refuses(peerId, undefined),
    denyInboundEncryptedConnection: (peerId, connection) => this.#judgeInbound(peerId, connection),
    denyOutboundEncryptedConnection: (peerId) => this.#refuses(peerId, 'outbound'),
    denyInboundUpgradedConnection: (peerId, connection) => this.#meter(peerId, connection),
    denyOutboundUpgradedConnection: (peerId, connection) => this.#meter(peerId, connection),
    filterMultiaddrForPeer: (peerId) => this.#context.find(peerId) !== undefined,
  };

  #refuses(peerId: PeerId, direction: 'inbound' | 'outbound' | undefined): boolean {
    const peer = this.#context.find(peerId);
    const reason =
      peer === undefined
        ? 'stranger'
        : peer.isBanned()
          ? 'banned'
          : direction !== undefined && peer.isDuplicate(direction)
            ? 'duplicate'
            : undefined;
    if (reason !== undefined) this.#context.instruments.refusedConnections.with({ reason }).add();
    return reason !== undefined;
  }

  #refusesHost(connection: MultiaddrConnection): boolean {
    const { limits, instruments, nowMs } = this.#context;
    const host = this.#host(connection);
    const reason =
      host === undefined || host.pending >= limits.maxPendingPerHost
        ? 'host-pending'
        : host.refusals.hasTokens(nowMs())
          ? undefined
          : 'host-refusals';
    if (reason !== undefined || host === undefined) {
      instruments.refusedConnections.with({ reason: reason ?? 'host-pending' }).add();
      return true;
    }
    host.pending += 1;
    this.#pending.set(connection, host);
    connection.addEventListener('close', () => {
      if (this.#settle(connection)) host.refusals.take(1, nowMs()); // the handshake led nowhere
    });
    return false;
  }

  #judgeInbound(peerId: PeerId, connection: MultiaddrConnection): boolean {
    const known = this.#context.find(peerId);
    const refused = this.#refuses(peerId, 'inbound');
    // A duplicate is an accident between honest peers; a stranger or a banned peer spends its host's allowance.
    if (!refused || known?.isBanned() === false) this.#settle(connection);
    return refused;
  }

  #meter(peerId: PeerId, connection: MultiaddrConnection): boolean {
    const peer = this.#context.find(peerId);
    if (peer === undefined || peer.isBanned()) return true;
    connection.addEventListener('message', (event) => peer.onWireBytes(event.data.byteLength));
    return false;
  }

  #settle(connection: MultiaddrConnection): boolean {
    const host = this.#pending.get(connection);
    if (host === undefined) return false;
    this.#pending.delete(connection);
    host.pending -= 1;
    return true;
  }

  #host(connection: MultiaddrConnection): Host | undefined {
    const address = connection.remoteAddr.getComponents()[0]?.value ?? '';
    const known = this.#hosts.get(address);
    if (known !== undefined) return known;
    const { limits, nowMs } = this.#context;
    if (this.#hosts.size >= MAX_HOSTS) this.#forgetQuietHosts();
    if (this.#hosts.size >= MAX_HOSTS) return undefined;
    const host: Host = { pending: 0, refusals: new TokenBucket(limits.refusalsPerHost, nowMs()) };
    this.#hosts.set(address, host);
    return host;
  }

  #forgetQuietHosts(): void {
    const nowMs = this.#context.nowMs();
    for (const [address, host] of this.#hosts) {
      if (host.pending === 0 && host.refusals.isFull(nowMs)) this.#hosts.delete(address);
    }
  }
}
