/** Four real peer networks on loopback: delivery, order, restart, requests, gossip, admission, lifecycle. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { networkErrors } from '../../../node/network/errors.ts';
import { defineErrors } from '../../../protocol/errors.ts';
import {
  Cluster,
  Inbox,
  introduce,
  limitsWith,
  metricValue,
  OTHER_CHAIN,
  secretOf,
  startAttacker,
  startNode,
  until,
  untilConnected,
  peerName,
} from './cluster.ts';
import { DEFAULT_NETWORK_LIMITS } from '../../../node/network/limits.ts';
import { multiaddr } from '@multiformats/multiaddr';

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value));

describe('direct channels', () => {
  it('deliver every broadcast to all peers, in order per channel', async () => {
    await using cluster = await Cluster.start(4);
    const inboxes = [0, 1, 2, 3].map((index) => new Inbox(cluster.at(index)));
    const count = 500;
    const expected = Array.from({ length: count }, (_, at) => `m${at}`);
    for (let at = 0; at < count; at += 1) {
      for (let index = 0; index < 4; index += 1) {
        cluster.at(index).broadcast('consensus', text(`m${at}`));
        cluster.at(index).broadcast('bulk', text(`m${at}`));
      }
    }
    await Promise.all(inboxes.map((inbox) => inbox.count(count * 2 * 3)));
    for (const [self, inbox] of inboxes.entries()) {
      for (let peer = 0; peer < 4; peer += 1) {
        if (peer === self) continue;
        expect(inbox.texts(peer, 'consensus')).toEqual(expected);
        expect(inbox.texts(peer, 'bulk')).toEqual(expected);
      }
      expect(inbox.messages.some((message) => message.peer === peerName(self))).toBe(false);
    }
    const sends = await metricValue(cluster.metricsAt(0), 'cloister_network_sends_total{channel="consensus"}');
    expect(sends).toBeLessThan(count); // coalesced
  });

  it('carry the largest message whole and refuse a larger one at the sender', async () => {
    await using cluster = await Cluster.start(2);
    const inbox = new Inbox(cluster.at(1));
    const largest = new Uint8Array(2 * 1024 * 1024).map((_, at) => at % 251);
    cluster.at(0).send(peerName(1), 'bulk', largest);
    await inbox.count(1);
    expect(Buffer.compare(inbox.messages[0]?.bytes ?? new Uint8Array(), largest)).toBe(0);
    expect(() => cluster.at(0).broadcast('bulk', new Uint8Array(largest.byteLength + 1))).toThrow(
      expect.objectContaining({ code: 'NETWORK_MESSAGE_TOO_LARGE' }),
    );
    expect(() => cluster.at(0).send(peerName(7), 'bulk', text('x'))).toThrow(
      expect.objectContaining({ code: 'NETWORK_UNKNOWN_PEER' }),
    );
  });

  it('go on beyond many receive windows, in messages of every size', async () => {
    await using cluster = await Cluster.start(2);
    const inbox = new Inbox(cluster.at(1));
    const sizes = [1, 700, 65_536, 131_071, 131_072, 262_132, 262_145];
    let sent = 0;
    for (let round = 0; round < 8; round += 1) {
      for (const size of sizes) cluster.at(0).send(peerName(1), 'bulk', new Uint8Array(size).fill(round));
      sent += sizes.length;
      await inbox.count(sent);
    }
    expect(inbox.messages.map(({ bytes }) => bytes.byteLength)).toEqual(Array.from({ length: 8 }, () => sizes).flat());
  });
  it('survive a handler that throws', async () => {
    await using cluster = await Cluster.start(2);
    cluster.at(1).onMessage(() => {
      throw new Error('handler');
    });
    const inbox = new Inbox(cluster.at(1));
    cluster.at(0).broadcast('consensus', text('a'));
    cluster.at(0).broadcast('consensus', text('b'));
    await inbox.count(2);
    expect(inbox.texts(0, 'consensus')).toEqual(['a', 'b']);
  });

  it('come back when a peer restarts, and say that it was away', async () => {
    await using cluster = await Cluster.start(3);
    const port = Number(cluster.at(2).addresses()[0]?.split('/').at(-1));
    const gone = Promise.all([0, 1].map((index) => once(cluster.at(index).events, 'peerDisconnected')));
    await cluster.at(2)[Symbol.asyncDispose]();
    expect((await gone).map(([peer]) => peer)).toEqual([peerName(2), peerName(2)]);
    expect(cluster.at(0).send(peerName(2), 'consensus', text('lost'))).toBe('disconnected');
    expect(cluster.at(0).connectedPeers()).toEqual([peerName(1)]);

    const restarted = await startNode(2, 3, { port }); // knows no address: it is dialled
    cluster.nodes[2] = restarted;
    const inbox = new Inbox(restarted.network);
    await Promise.all([0, 1].map((index) => untilConnected(cluster.at(index), 2)));
    cluster.at(0).broadcast('consensus', text('back'));
    await inbox.count(1);
    expect(inbox.texts(0, 'consensus')).toEqual(['back']);
    expect(cluster.at(0).peerStatus()[1]).toMatchObject({
      peer: peerName(2),
      state: 'connected',
      direction: 'outbound',
    });
  });

  it('keep one connection when both ends dial at once', async () => {
    const nodes = [await startNode(0, 2), await startNode(1, 2)] as const;
    await using stack = new AsyncDisposableStack();
    for (const node of nodes) stack.use(node.network);
    introduce(nodes[0].network, 0, nodes[1].network, 1);
    const inbox = new Inbox(nodes[1].network);
    await Promise.all(nodes.map(({ network }) => untilConnected(network, 1)));
    for (let at = 0; at < 100; at += 1) nodes[0].network.broadcast('consensus', text(`${at}`));
    await inbox.count(100);
    expect(inbox.texts(0, 'consensus')).toEqual(Array.from({ length: 100 }, (_, at) => `${at}`));
    const [lower, higher] = peerName(0) < peerName(1) ? nodes : ([nodes[1], nodes[0]] as const);
    expect(lower.network.peerStatus()[0]?.direction).toBe('outbound');
    expect(higher.network.peerStatus()[0]?.direction).toBe('inbound');
  });
});

describe('admission', () => {
  it('refuses a stranger before any protocol runs', async () => {
    await using cluster = await Cluster.start(2);
    const stranger = await startAttacker(secretOf(200));
    const [address] = cluster.at(0).addresses();
    // The dialler may believe for a moment that it is connected: the refusal follows the handshake.
    const outcome = await stranger.dial(multiaddr(address)).then(
      (connection) =>
        connection.status === 'open' ? once(connection, 'close').then(() => 'closed') : Promise.resolve('closed'),
      () => 'refused',
    );
    expect(['closed', 'refused']).toContain(outcome);
    expect(
      await metricValue(cluster.metricsAt(0), 'cloister_network_connections_refused_total{reason="stranger"}'),
    ).toBe(1);
    expect(cluster.at(0).connectedPeers()).toEqual([peerName(1)]);
    await stranger.stop();
  });

  it('turns a host away that fails handshake after handshake', async () => {
    const limits = limitsWith({ refusalsPerHost: { burst: 3, perSecond: 0 } });
    await using cluster = await Cluster.start(2, { limits });
    const stranger = await startAttacker(secretOf(200));
    const [address] = cluster.at(0).addresses();
    const refusedByHost = 'cloister_network_connections_refused_total{reason="host-refusals"}';
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const connection = await stranger.dial(multiaddr(address)).catch(() => undefined);
      if (connection?.status === 'open') await once(connection, 'close');
    }
    expect(await metricValue(cluster.metricsAt(0), refusedByHost)).toBeGreaterThan(10);
    expect(cluster.at(0).connectedPeers()).toEqual([peerName(1)]);
    await stranger.stop();
  });

  it('does not connect peers of different chains', async () => {
    const nodes = [await startNode(0, 2), await startNode(1, 2, { chainId: OTHER_CHAIN })] as const;
    await using stack = new AsyncDisposableStack();
    for (const node of nodes) stack.use(node.network);
    const dialled = 'cloister_network_dials_total{outcome="ok"}';
    introduce(nodes[0].network, 0, nodes[1].network, 1);
    while ((await metricValue(nodes[0].metrics, dialled)) < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(nodes[0].network.connectedPeers()).toEqual([]);
    expect(nodes[1].network.connectedPeers()).toEqual([]);
  });

  it('refuses an address that is none, and a taken port', async () => {
    await using cluster = await Cluster.start(2);
    const port = Number(cluster.at(0).addresses()[0]?.split('/').at(-1));
    await expect(startNode(1, 2, { port })).rejects.toMatchObject({ code: 'NETWORK_LISTEN_FAILED' });
    expect(() => cluster.at(0).setPeerAddress(peerName(1), 'nowhere')).toThrow(
      expect.objectContaining({ code: 'NETWORK_OPTIONS_INVALID' }),
    );
  });

  it('bans a peer at the score limit, refuses its dials and takes it back afterwards', async () => {
    const score = { banAt: 100, halfLifeMs: 1_000, firstBanMs: 300, lastBanMs: 1_000 };
    await using cluster = await Cluster.start(3, { limits: limitsWith({ score }) });
    const banned = once(cluster.at(0).events, 'peerBanned');
    const disconnected = once(cluster.at(0).events, 'peerDisconnected');
    cluster.at(0).penalise(peerName(1), 'invalid-signature');
    expect(await banned).toEqual([peerName(1), 300]);
    expect(await disconnected).toEqual([peerName(1)]);
    expect(cluster.at(0).peerStatus()[0]).toMatchObject({ state: 'banned' });
    expect(cluster.at(0).connectedPeers()).toEqual([peerName(2)]);
    await until(cluster.at(0), ['peerConnected'], () => cluster.at(0).connectedPeers().length === 2);
    expect(cluster.at(0).peerStatus()[0]).toMatchObject({ state: 'connected' });
  });
});

describe('members', () => {
  it('join and leave while the network runs', async () => {
    await using cluster = await Cluster.start(3);
    const addressOf = (index: number) => cluster.at(index).addresses()[0] ?? '';
    const newcomer = await startNode(3, 4);
    cluster.nodes.push(newcomer);
    const everybody = [0, 1, 2, 3].map((index) => ({ peer: peerName(index), address: addressOf(index) }));
    // A stranger until the others let it in.
    newcomer.network.setPeerAddress(peerName(0), addressOf(0));
    for (const index of [0, 1, 2, 3]) await cluster.at(index).setContacts(everybody);
    await Promise.all([0, 1, 2, 3].map((index) => untilConnected(cluster.at(index), 3)));

    const gone = once(cluster.at(0).events, 'peerDisconnected');
    const staying = everybody.filter(({ peer }) => peer !== peerName(1));
    for (const index of [0, 2, 3]) await cluster.at(index).setContacts(staying);
    expect(await gone).toEqual([peerName(1)]);
    await Promise.all([0, 2, 3].map((index) => untilConnected(cluster.at(index), 2)));
    expect(() => cluster.at(0).send(peerName(1), 'bulk', text('x'))).toThrow(
      expect.objectContaining({ code: 'NETWORK_UNKNOWN_PEER' }),
    );
    expect(
      cluster
        .at(0)
        .peerStatus()
        .map(({ peer }) => peer),
    ).toEqual([peerName(2), peerName(3)]);
    await untilConnected(cluster.at(1), 0);
  });
});

describe('requests', () => {
  const shopErrors = defineErrors({ OUT_OF_STOCK: { message: 'None left.', hint: 'Wait.', retryable: true } });

  it('are answered, with bodies up to 8 MiB', async () => {
    await using cluster = await Cluster.start(2);
    cluster.at(1).handleRequest('bodies/get', (peer, bytes) => {
      const size = Buffer.from(bytes).readUInt32BE(0);
      return Promise.resolve(new Uint8Array(size).fill(peer === peerName(0) ? 7 : 8));
    });
    for (const size of [1, 1_000, 8 * 1024 * 1024]) {
      const query = Buffer.alloc(4);
      query.writeUInt32BE(size);
      const answer = await cluster.at(0).request(peerName(1), 'bodies/get', query);
      expect(answer.byteLength).toBe(size);
      expect([answer[0], answer.at(-1)]).toEqual([7, 7]);
    }
  });

  it('fail with a code: unknown method, refusal, broken handler, oversize answer, empty answer passes', async () => {
    await using cluster = await Cluster.start(2);
    const server = cluster.at(1);
    server.handleRequest('refuse', () => Promise.reject(shopErrors.error('OUT_OF_STOCK')));
    server.handleRequest('break', () => Promise.reject(new TypeError('secret detail')));
    server.handleRequest('large', () => Promise.resolve(new Uint8Array(5_000)));
    server.handleRequest('huge', () => Promise.resolve(new Uint8Array(8 * 1024 * 1024 + 1)));
    server.handleRequest('empty', () => Promise.resolve(new Uint8Array(0)));
    const ask = (method: string, maxResponseBytes?: number) =>
      cluster.at(0).request(peerName(1), method, text('x'), maxResponseBytes === undefined ? {} : { maxResponseBytes });
    const refused = (remoteCode: string) => ({ code: 'NETWORK_REQUEST_REFUSED', data: { remoteCode } });
    await expect(ask('nothing')).rejects.toMatchObject(refused('REQUEST_METHOD_UNKNOWN'));
    await expect(ask('refuse')).rejects.toMatchObject(refused('OUT_OF_STOCK'));
    await expect(ask('break')).rejects.toMatchObject(refused('INTERNAL'));
    await expect(ask('huge')).rejects.toMatchObject(refused('NETWORK_RESPONSE_TOO_LARGE'));
    await expect(ask('large', 4_999)).rejects.toMatchObject({ code: 'NETWORK_RESPONSE_TOO_LARGE' });
    expect((await ask('large', 5_000)).byteLength).toBe(5_000);
    expect((await ask('empty')).byteLength).toBe(0);
    expect(cluster.at(0).connectedPeers()).toEqual([peerName(1)]);
  });

  it('end at their deadline, at a signal and with the connection', async () => {
    await using cluster = await Cluster.start(3);
    const asked = Promise.withResolvers<void>();
    cluster.at(1).handleRequest('never', () => {
      asked.resolve();
      return new Promise(() => undefined);
    });
    cluster.at(2).handleRequest('never', async () => {
      setImmediate(() => void cluster.at(2)[Symbol.asyncDispose]());
      return await new Promise<Uint8Array>(() => undefined);
    });
    const ask = (peer: number, options: { signal?: AbortSignal; timeoutMs?: number }) =>
      cluster.at(0).request(peerName(peer), 'never', text('x'), options);
    await expect(ask(1, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'NETWORK_REQUEST_TIMEOUT' });
    const controller = new AbortController();
    const cancelled = ask(1, { signal: controller.signal });
    await asked.promise;
    controller.abort(new Error('not needed any more'));
    await expect(cancelled).rejects.toThrow('not needed any more');
    await expect(ask(2, {})).rejects.toMatchObject({ code: 'NETWORK_PEER_UNREACHABLE' });
    await expect(ask(2, {})).rejects.toMatchObject({ code: 'NETWORK_PEER_UNREACHABLE' });
  });

  it('take slots, not queues', async () => {
    await using cluster = await Cluster.start(2);
    const held = Promise.withResolvers<Uint8Array>();
    cluster.at(1).handleRequest('hold', () => held.promise);
    const { slots } = DEFAULT_NETWORK_LIMITS.request;
    const running = Array.from({ length: slots }, () => cluster.at(0).request(peerName(1), 'hold', text('x')));
    await expect(cluster.at(0).request(peerName(1), 'hold', text('x'))).rejects.toMatchObject({
      code: 'NETWORK_REQUEST_BUSY',
    });
    held.resolve(text('done'));
    expect(await Promise.all(running)).toHaveLength(slots);
    expect(Object.keys(networkErrors.table)).toContain('NETWORK_REQUEST_BUSY');
  });
});

describe('gossip', () => {
  it('reaches a node through a third one when the direct link is missing', async () => {
    const nodes = [await startNode(0, 3), await startNode(1, 3), await startNode(2, 3)] as const;
    await using stack = new AsyncDisposableStack();
    for (const node of nodes) stack.use(node.network);
    introduce(nodes[0].network, 0, nodes[1].network, 1);
    introduce(nodes[1].network, 1, nodes[2].network, 2);
    const verdicts = { ignored: 0 };
    const arrived = Promise.withResolvers<{ from: string; size: number }>();
    const forOthers = (bytes: Uint8Array): boolean => bytes.byteLength === 1024 * 1024;
    nodes[1].network.onGossip('certificates', (_from, bytes) => {
      if (forOthers(bytes)) return 'accept';
      verdicts.ignored += 1;
      return 'ignore';
    });
    nodes[2].network.onGossip('certificates', (from, bytes) => {
      if (forOthers(bytes)) arrived.resolve({ from, size: bytes.byteLength });
      else arrived.reject(new Error('an ignored message was relayed'));
      return 'accept';
    });
    await untilConnected(nodes[1].network, 2);
    await Promise.all([untilConnected(nodes[0].network, 1), untilConnected(nodes[2].network, 1)]);
    const neighbours = (at: 0 | 1 | 2) => nodes[at].network.gossipPeers('certificates');
    while (neighbours(0).length < 1 || neighbours(1).length < 2 || neighbours(2).length < 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await nodes[0].network.publish('certificates', text('not for others'));
    await nodes[0].network.publish('certificates', new Uint8Array(1024 * 1024));
    expect(await arrived.promise).toEqual({ from: peerName(1), size: 1024 * 1024 });
    expect(verdicts.ignored).toBe(1);
    expect(nodes[2].network.connectedPeers()).toEqual([peerName(1)]);
    await expect(nodes[0].network.publish('certificates', new Uint8Array(1024 * 1024 + 1))).rejects.toMatchObject({
      code: 'NETWORK_MESSAGE_TOO_LARGE',
    });
  });

  it('works again after a peer restarted', async () => {
    await using cluster = await Cluster.start(2);
    const port = Number(cluster.at(1).addresses()[0]?.split('/').at(-1));
    const gone = once(cluster.at(0).events, 'peerDisconnected');
    await cluster.at(1)[Symbol.asyncDispose]();
    await gone;
    const restarted = await startNode(1, 2, { port });
    cluster.nodes[1] = restarted;
    const arrived = Promise.withResolvers<string>();
    restarted.network.onGossip('certificates', (_from, bytes) => {
      arrived.resolve(Buffer.from(bytes).toString());
      return 'accept';
    });
    await untilConnected(cluster.at(0), 1);
    while (cluster.at(0).gossipPeers('certificates').length < 1) await new Promise((resolve) => setImmediate(resolve));
    await cluster.at(0).publish('certificates', text('hello again'));
    expect(await arrived.promise).toBe('hello again');
  });
});

describe('lifecycle', () => {
  it('starts and stops ten times and leaves nothing behind: the process ends by itself', async () => {
    const script = new URL('./start-stop.fixture.ts', import.meta.url).pathname;
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 110_000 });
    expect(JSON.parse(stdout)).toEqual({ cycles: 10, sockets: 0 });
  }, 120_000);

  it('answers NETWORK_STOPPED after the end and may be stopped twice', async () => {
    const { network } = await startNode(0, 2);
    await network[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
    expect(() => network.addresses()).toThrow(expect.objectContaining({ code: 'NETWORK_STOPPED' }));
    expect(network.send(peerName(1), 'bulk', text('x'))).toBe('disconnected');
  });
});
