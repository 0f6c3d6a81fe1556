/**
 * A real libp2p host with the key of a genesis validator attacks: bad framing, floods, half-open streams, a reader that
 * never reads, an endless answer. It is dropped, memory stays bounded and the traffic of honest peers goes on.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

import type { Connection, Libp2p, Stream, StreamMuxer } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';

import { joinFrames } from '../../../node/network/framing.ts';
import { DEFAULT_NETWORK_LIMITS } from '../../../node/network/limits.ts';
import type { NetworkLimits } from '../../../node/network/limits.ts';
import {
  CHAIN,
  Inbox,
  introduce,
  limitsWith,
  metricValue,
  secretOf,
  startAttacker,
  startNode,
  untilConnected,
  peerName,
} from './cluster.ts';
import type { TestNode } from './cluster.ts';

const ATTACKER = 2;
const MIB = 1024 * 1024;
const protocol = (name: 'consensus' | 'bulk' | 'request'): string => `/cloister/${CHAIN.slice(0, 16)}/${name}/1`;

/** Two honest nodes that talk to each other, and an attacker connected to the first. */
class Siege implements AsyncDisposable {
  readonly victim: TestNode;
  readonly friend: TestNode;
  readonly attacker: Libp2p;
  readonly #inbox: Inbox;

  constructor(victim: TestNode, friend: TestNode, attacker: Libp2p) {
    this.victim = victim;
    this.friend = friend;
    this.attacker = attacker;
    this.#inbox = new Inbox(friend.network);
  }

  static async begin(limits: NetworkLimits, onStream: (stream: Stream) => void = () => undefined): Promise<Siege> {
    const victim = await startNode(0, 3, { limits });
    const friend = await startNode(1, 3, { limits });
    introduce(victim.network, 0, friend.network, 1);
    await untilConnected(victim.network, 1);
    const attacker = await startAttacker(secretOf(ATTACKER));
    for (const name of ['consensus', 'bulk', 'request'] as const) await attacker.handle(protocol(name), onStream);
    return new Siege(victim, friend, attacker);
  }

  /** Connects the attacker and waits until the victim counts it as a peer. */
  async storm(): Promise<Connection> {
    const [address] = this.victim.network.addresses();
    const connection = await this.attacker.dial(multiaddr(address));
    await untilConnected(this.victim.network, 2);
    return connection;
  }

  /** Resolves when the victim bans the attacker. */
  async banned(): Promise<void> {
    const [peer] = await once(this.victim.network.events, 'peerBanned');
    expect(peer).toBe(peerName(ATTACKER));
  }

  /** Repeats a step of the attack, whatever becomes of it, until the victim bans the attacker. */
  async assault(step: () => Promise<unknown>): Promise<void> {
    let over = false;
    const banned = this.banned().then(() => void (over = true));
    while (!over) {
      await Promise.race([banned, step().catch(() => undefined)]); // a reset stream is what the attack asked for
      await new Promise((resolve) => setImmediate(resolve));
    }
    await banned;
  }

  /** Shows that honest traffic of the victim still arrives, and that the attacker is gone and cannot come back. */
  async holds(): Promise<void> {
    const before = this.#inbox.messages.length;
    for (let at = 0; at < 100; at += 1) {
      this.victim.network.send(peerName(1), 'consensus', Buffer.from(`still here ${at}`));
    }
    await this.#inbox.count(before + 100);
    expect(this.victim.network.connectedPeers()).toEqual([peerName(1)]);
    expect(this.victim.network.peerStatus()[1]).toMatchObject({ peer: peerName(ATTACKER), state: 'banned' });
    const [address] = this.victim.network.addresses();
    const back = await this.attacker.dial(multiaddr(address)).catch(() => undefined);
    if (back?.status === 'open') await once(back, 'close');
    expect(this.victim.network.connectedPeers()).toEqual([peerName(1)]);
  }

  penalties(code: string): Promise<number> {
    return metricValue(this.victim.metrics, `cloister_network_penalties_total{code="${code}"}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.attacker.stop();
    await this.victim.network[Symbol.asyncDispose]();
    await this.friend.network[Symbol.asyncDispose]();
  }
}

const ended = (stream: Stream): Promise<unknown> =>
  stream.status === 'open' ? once(stream, 'close') : Promise.resolve();

/** Sends until the stream ends, as fast as it takes the bytes. */
const flood = async (stream: Stream, bytes: Uint8Array): Promise<void> => {
  try {
    while (stream.status === 'open') {
      if (!stream.send(bytes)) await stream.onDrain();
      else await new Promise((resolve) => setImmediate(resolve));
    }
  } catch {
    await ended(stream); // reset by the victim: what the attack was for
  }
};

const muxerOf = (connection: Connection): StreamMuxer => Reflect.get(connection, 'muxer') as StreamMuxer;

describe('a lying peer', () => {
  it.each([
    ['oversize-frame', Buffer.from('ffffffff00', 'hex')],
    ['malformed-frame', Buffer.from('00000000', 'hex')],
  ])('is reset for each %s and banned at the third', async (code, bytes) => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS);
    const banned = siege.banned();
    const connection = await siege.storm();
    for (let strike = 0; strike < 3; strike += 1) {
      const stream = await connection.newStream(protocol('consensus'));
      stream.send(bytes);
      await ended(stream);
    }
    await banned;
    expect(await siege.penalties(code)).toBe(3);
    await siege.holds();
  });

  it('that floods small messages is dropped', async () => {
    const rate = { burst: 2_000, perSecond: 100 };
    const { channels } = DEFAULT_NETWORK_LIMITS;
    const limits = limitsWith({ channels: { ...channels, consensus: { ...channels.consensus, messages: rate } } });
    await using siege = await Siege.begin(limits);
    let delivered = 0;
    siege.victim.network.onMessage((peer) => void (delivered += peer === peerName(ATTACKER) ? 1 : 0));
    const banned = siege.banned();
    const connection = await siege.storm();
    const stream = await connection.newStream(protocol('consensus'));
    const small = Array.from({ length: 1_000 }, () => Buffer.from('x'));
    await Promise.all([banned, flood(stream, joinFrames(small, small.length))]);
    expect(delivered).toBeGreaterThanOrEqual(2_000);
    expect(delivered).toBeLessThan(4_000);
    await siege.holds();
  });

  it('that floods garbage on the bulk channel and re-opens streams is dropped, with memory bounded', async () => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS);
    const connection = await siege.storm();
    const before = process.memoryUsage().arrayBuffers;
    const garbage = new Uint8Array(MIB).map((_, at) => ((at * 73) % 256) | 1);
    await siege.assault(async () => await flood(await connection.newStream(protocol('bulk')), garbage));
    expect(await siege.penalties('oversize-frame')).toBe(3);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
    await siege.holds();
  });

  it('that announces large messages and sends a byte of each holds almost no memory', async () => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS);
    const connection = await siege.storm();
    const before = process.memoryUsage().arrayBuffers;
    await siege.assault(async () => {
      (await connection.newStream(protocol('bulk'))).send(Buffer.from('0020000001', 'hex'));
    });
    expect(await siege.penalties('stream-churn')).toBeGreaterThan(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
    await siege.holds();
  });

  it('that fills streams with endless lengths instead of a protocol is dropped at once', async () => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS);
    const connection = await siege.storm();
    const before = process.memoryUsage().arrayBuffers;
    await siege.assault(async () =>
      (await muxerOf(connection).createStream()).send(new Uint8Array(200_000).fill(0xff)),
    );
    expect(await siege.penalties('malformed-frame')).toBe(3);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB);
    await siege.holds();
  });

  it('that keeps the processor busy with streams which never name a protocol is dropped', async () => {
    await using siege = await Siege.begin(limitsWith({ overheadBytes: { burst: 64 * 1024, perSecond: 1024 } }));
    const connection = await siege.storm();
    const never = Buffer.from('\u0002x\n'.repeat(300));
    await siege.assault(async () => (await muxerOf(connection).createStream()).send(never));
    expect(await siege.penalties('overhead-rate')).toBe(2);
    await siege.holds();
  });

  it('or a stranger cannot hold the event loop with endless lengths on a bare socket', async () => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS);
    const port = Number(siege.victim.network.addresses()[0]?.split('/').at(-1));
    for (const head of [Buffer.alloc(0), Buffer.from('\u0013/multistream/1.0.0\n')]) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined); // reset is what we ask for
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(Buffer.concat([head, Buffer.alloc(MIB, 0xff)]));
      socket.resume();
      await closed;
    }
    expect(siege.victim.network.connectedPeers()).toEqual([peerName(1)]);
  });

  it('that never reads costs a bounded queue and nobody else', async () => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS, (stream) => stream.pause());
    await siege.storm();
    const inbox = new Inbox(siege.friend.network);
    const body = new Uint8Array(MIB);
    const { maxQueuedBytes } = DEFAULT_NETWORK_LIMITS.channels.bulk;
    for (let at = 1; at <= 80; at += 1) {
      siege.victim.network.broadcast('bulk', body);
      await inbox.count(at); // the honest peer gets every one of them
    }
    const queued = siege.victim.network.peerStatus()[1]?.queuedBytes.bulk ?? 0;
    expect(queued).toBeGreaterThan(maxQueuedBytes / 2);
    expect(queued).toBeLessThanOrEqual(maxQueuedBytes);
    const dropped = 'cloister_network_messages_dropped_total{channel="bulk",reason="queue"}';
    expect(await metricValue(siege.victim.metrics, dropped)).toBeGreaterThan(30);
    expect(siege.victim.network.send(peerName(ATTACKER), 'bulk', body)).toBe('congested');
  });

  it('that answers a request with nonsense, too much or nothing fails that request only', async () => {
    const answers = [
      Buffer.from('0000000109', 'hex'),
      Buffer.from('7fffffff00', 'hex'),
      Buffer.from('00000010', 'hex'),
    ];
    let asked = 0;
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS, (stream) => {
      if (stream.protocol !== protocol('request')) return;
      stream.addEventListener('message', () => {
        stream.send(answers[asked] ?? new Uint8Array(1));
        if (asked === 2) void stream.close();
        asked += 1;
      });
    });
    await siege.storm();
    const ask = () => siege.victim.network.request(peerName(ATTACKER), 'bodies', new Uint8Array(1));
    await expect(ask()).rejects.toMatchObject({ code: 'NETWORK_PEER_UNREACHABLE' });
    await expect(ask()).rejects.toMatchObject({ code: 'NETWORK_RESPONSE_TOO_LARGE' });
    await expect(ask()).rejects.toMatchObject({ code: 'NETWORK_PEER_UNREACHABLE' });
    expect(await siege.penalties('response-malformed')).toBe(2);
  });

  it('that floods requests gets no more than its slots and is dropped', async () => {
    await using siege = await Siege.begin(DEFAULT_NETWORK_LIMITS);
    let running = 0;
    let most = 0;
    siege.victim.network.handleRequest('slow', async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return new Uint8Array(1);
    });
    const connection = await siege.storm();
    const request = joinFrames([Buffer.from('\u0004slow')], 5);
    const attempt = async (): Promise<boolean> => (await connection.newStream(protocol('request'))).send(request);
    await siege.assault(() => Promise.allSettled(Array.from({ length: 12 }, attempt)));
    expect(most).toBeLessThanOrEqual(DEFAULT_NETWORK_LIMITS.request.slots);
    await siege.holds();
  });
});
