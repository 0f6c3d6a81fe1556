/**
 * Test support: real peer networks in one process on loopback ports chosen by the system, and a raw libp2p attacker.
 */
import { once } from 'node:events';

import type { Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';

import { MetricsRegistry } from '../../../node/metrics.ts';
import { identityFromSecret, peerIdFromSecret } from '../../../node/network/identity.ts';
import { DEFAULT_NETWORK_LIMITS } from '../../../node/network/limits.ts';
import type { NetworkLimits } from '../../../node/network/limits.ts';
import { PeerNetwork } from '../../../node/network/network.ts';
import type { NetworkEvent, PeerContact, PeerName } from '../../../node/network/types.ts';
import { silentLogger } from '../../../node/logger.ts';
import type { ChainId } from '../../../protocol/brand.ts';

/** Chain of the tests; another one for a peer of another chain. */
export const CHAIN = 'ab'.repeat(32) as ChainId;
export const OTHER_CHAIN = 'cd'.repeat(32) as ChainId;

/** The Ed25519 secret of a test validator. */
export const secretOf = (index: number): Uint8Array => new Uint8Array(32).fill(index + 1);

/** Default bounds with some replaced. */
export const limitsWith = (changes: Partial<NetworkLimits>): NetworkLimits => ({
  ...DEFAULT_NETWORK_LIMITS,
  ...changes,
});

const MACHINES = 16;
const names = await Promise.all(Array.from({ length: MACHINES }, (_, index) => peerIdFromSecret(secretOf(index))));

/** The peer name of a test machine. */
export const peerName = (index: number): PeerName => {
  const name = names[index];
  if (name === undefined) throw new RangeError(`no machine ${index}`);
  return name;
};

/** The first `count` test machines, without addresses. */
export const contactsOf = (count: number): PeerContact[] =>
  Array.from({ length: count }, (_, index) => ({ peer: peerName(index) }));

/** How one node of a cluster differs. */
export interface NodeChoice {
  readonly limits?: NetworkLimits;
  readonly chainId?: ChainId;
  readonly port?: number;
}

/** A node under test with its metrics. */
export interface TestNode {
  readonly network: PeerNetwork;
  readonly metrics: MetricsRegistry;
}

/** Starts one node that knows no address yet. */
export const startNode = async (index: number, count: number, choice: NodeChoice = {}): Promise<TestNode> => {
  const metrics = new MetricsRegistry();
  const network = await PeerNetwork.start({
    identity: secretOf(index),
    listen: { host: '127.0.0.1', port: choice.port ?? 0 },
    contacts: contactsOf(count),
    chainId: choice.chainId ?? CHAIN,
    logger: silentLogger(),
    metrics,
    ...(choice.limits === undefined ? {} : { limits: choice.limits }),
  });
  return { network, metrics };
};

/** The value of a series in the text exposition; 0 when it was never counted. */
export const metricValue = async (metrics: MetricsRegistry, series: string): Promise<number> => {
  const line = (await metrics.text()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.split(' ').at(-1) ?? 0);
};

/** Waits until a condition holds, looking again after each of the named events. */
export const until = async (
  network: PeerNetwork,
  events: readonly NetworkEvent[],
  condition: () => boolean,
): Promise<void> => {
  while (!condition()) await Promise.race(events.map((event) => once(network.events, event)));
};

/** Waits until a node is connected with the given number of peers. */
export const untilConnected = (network: PeerNetwork, peers: number): Promise<void> =>
  until(network, ['peerConnected', 'peerDisconnected'], () => network.connectedPeers().length === peers);

const addressOf = (network: PeerNetwork): string => {
  const [address] = network.addresses();
  if (address === undefined) throw new Error('no address');
  return address;
};

/** Tells two nodes about each other; both dial, as real nodes do. */
export const introduce = (a: PeerNetwork, aIndex: number, b: PeerNetwork, bIndex: number): void => {
  a.setPeerAddress(peerName(bIndex), addressOf(b));
  b.setPeerAddress(peerName(aIndex), addressOf(a));
};

/** Running nodes that stop together. */
export class Cluster implements AsyncDisposable {
  readonly nodes: TestNode[] = [];

  /** Starts `count` nodes and connects all of them with each other. */
  static async start(count: number, choice: NodeChoice = {}): Promise<Cluster> {
    const cluster = new Cluster();
    for (let index = 0; index < count; index += 1) cluster.nodes.push(await startNode(index, count, choice));
    for (let a = 0; a < count; a += 1) {
      for (let b = a + 1; b < count; b += 1) introduce(cluster.at(a), a, cluster.at(b), b);
    }
    await Promise.all(cluster.nodes.map(({ network }) => untilConnected(network, count - 1)));
    return cluster;
  }

  at(index: number): PeerNetwork {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node.network;
  }

  metricsAt(index: number): MetricsRegistry {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node.metrics;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(({ network }) => network[Symbol.asyncDispose]()));
  }
}

/** A libp2p host of our own making: with a genesis secret it is a lying validator, with another one a stranger. */
export const startAttacker = async (secret: Uint8Array): Promise<Libp2p> =>
  createLibp2p({
    privateKey: await identityFromSecret(secret),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    connectionManager: { reconnectRetries: 0 },
  });

/** Messages of one node as they arrive, with a way to wait for a number of them. */
export class Inbox {
  readonly messages: { peer: PeerName; channel: string; bytes: Uint8Array }[] = [];
  #waiting: { count: number; resolve: () => void } | undefined;

  constructor(network: PeerNetwork) {
    network.onMessage((peer, channel, bytes) => {
      this.messages.push({ peer, channel, bytes });
      if (this.#waiting !== undefined && this.messages.length >= this.#waiting.count) this.#waiting.resolve();
    });
  }

  /** Resolves once this many messages have arrived in all. */
  async count(count: number): Promise<void> {
    if (this.messages.length >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { count, resolve };
    await promise;
  }

  /** Texts of the messages of a peer on a channel, in order. */
  texts(peer: number, channel: string): string[] {
    return this.messages
      .filter((message) => message.peer === peerName(peer) && message.channel === channel)
      .map((message) => Buffer.from(message.bytes).toString());
  }
}
