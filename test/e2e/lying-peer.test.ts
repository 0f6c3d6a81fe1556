/**
 * Three honest validators, real processes, against a fourth that has genuine keys and lies: equivocation, made-up
 * results, false answers, noise, floods. They keep committing, keep the evidence, stay small, and shut the liar out.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from '#primitives';
import { multiaddr } from '@multiformats/multiaddr';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChainId } from '../../protocol/brand.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';
import { runCommand } from '../support/command-line.ts';
import { LyingValidator, someHash } from '../support/lying-validator.ts';
import {
  eventually,
  metricsOf,
  metricSum,
  readinessOf,
  statusOf,
  untilReady,
  untilSameState,
} from '../support/live-network.ts';
import { TokenLoad } from '../support/token-load.ts';
import { startAttacker } from '../unit/network/cluster.ts';

const LIAR = 3;
const MIB = 1024 * 1024;
/** Growth of one node that a flood may cause: queues and one garbage collection late. */
const MAX_GROWTH_BYTES = 200 * MIB;

let network: LocalNetwork;
let honest: { readonly nodes: readonly NodeProcess[] };
let load: TokenLoad;
let liar: LyingValidator;

const victim = (index: number): NodeProcess => {
  const node = honest.nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
};

const portOf = (address: string): number => Number(address.split('/').at(-1));

const startLiar = (chainId?: ChainId, port?: number): Promise<LyingValidator> => {
  const place = network.nodes[LIAR];
  if (place === undefined) throw new RangeError('no place for a liar');
  return LyingValidator.start({
    home: place.home,
    genesis: network.genesis,
    index: LIAR,
    port: port ?? portOf(place.p2p),
    peers: honest.nodes.map(({ name, p2p }) => `${name}@${p2p}`),
    ...(chainId !== undefined && { chainId }),
  });
};

const counted = async (node: NodeProcess, name: string, label = ''): Promise<number> =>
  metricSum(await metricsOf(node), name, label);
const viewOf = async (node: NodeProcess): Promise<number> => (await statusOf(node))?.view ?? 0;

/** Calls are committed and every honest node agrees on the state. */
const expectProgress = async (calls = 5): Promise<void> => {
  for (let count = 0; count < calls; count += 1) await load.once();
  await untilSameState(honest);
  expect(await load.bookErrors()).toEqual([]);
};

beforeAll(async () => {
  network = await LocalNetwork.start({ logLevel: 'info' });
  honest = { nodes: network.nodes.slice(0, LIAR) };
  load = await TokenLoad.prepare(
    { apis: network.apis.slice(0, LIAR), chainId: network.chainId, account: (name) => network.account(name) },
    3,
  );
  await expectProgress();
  await network.nodes[LIAR]?.stop();
});

afterAll(async () => {
  await liar?.[Symbol.asyncDispose]();
  await network?.[Symbol.asyncDispose]();
});

describe('who is not of this network', () => {
  it('a stranger gets no channel, and a validator of another chain none either', async () => {
    const stranger = await startAttacker(randomBytes(32));
    await using foreign = await startLiar('cd'.repeat(32) as ChainId, 0);
    try {
      const refused = await Promise.allSettled(
        honest.nodes.map(async ({ p2p }) => {
          const connection = await stranger.dial(multiaddr(p2p));
          await connection.newStream(`/cloister/${network.chainId.slice(0, 16)}/consensus/1`);
        }),
      );
      expect(refused.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      await expectProgress();
      expect(foreign.network.connectedPeers()).toEqual([]);
      expect((await statusOf(victim(0)))?.peers.connected).toBe(2);
    } finally {
      await stranger.stop();
    }
  });
});

describe('a validator that lies', () => {
  beforeAll(async () => {
    liar = await startLiar();
    liar.answerWithLies();
    await eventually(honest, 'the liar is connected', () => liar.network.connectedPeers().length === LIAR);
  });

  it('is convicted by evidence at every node when it signs twice', async () => {
    const view = await viewOf(victim(0));
    const led = liar.nextLed(view + 1);
    liar.say(0, { kind: 'proposal', proposal: liar.proposal(led) });
    liar.say(0, { kind: 'proposal', proposal: liar.proposal(led) });
    const far = view + 5;
    for (const hash of [someHash(), someHash()])
      liar.say(1, { kind: 'vote', vote: liar.vote({ kind: 'finalize', view: far, hash }) });
    const later = view + 6;
    liar.say(2, {
      kind: 'vote',
      vote: liar.vote({ kind: 'nullify', view: later, hash: '0'.repeat(64) as ReturnType<typeof someHash> }),
    });
    liar.say(2, { kind: 'vote', vote: liar.vote({ kind: 'finalize', view: later, hash: someHash() }) });
    for (const node of honest.nodes) {
      for (const rule of ['E1', 'E2', 'E3']) {
        await eventually(
          honest,
          `${rule} counted at ${node.name}`,
          async () => (await counted(node, 'cloister_node_evidence_total', `"${rule}"`)) === 1,
        );
      }
      const kept = await eventually(honest, `evidence kept at ${node.name}`, () => {
        const directory = join(node.home, 'evidence');
        const files = existsSync(directory) ? readdirSync(directory).filter((name) => /^E\d.*\.json$/.test(name)) : [];
        return files.length >= 3 ? files : undefined;
      });
      expect(kept.every((name) => name.includes(`validator-${LIAR}-`))).toBe(true);
    }
    await expectProgress();
  });

  it('is named by the evidence commands, offline, and by the chain; a changed file proves nothing', async () => {
    const node = victim(0);
    const listed = async (): Promise<
      { readonly path: string; readonly rule: string; readonly onChainAt?: number }[]
    > => {
      const { code, stdout } = await runCommand(['evidence', 'list', '--home', node.home, '--json']);
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { evidence: { path: string; rule: string; onChainAt?: number }[] }).evidence;
    };
    const evidence = await eventually(honest, 'evidence is on the chain', async () => {
      const now = await listed();
      return now.some(({ onChainAt }) => onChainAt !== undefined) ? now : undefined;
    });
    expect(evidence.map(({ rule }) => rule)).toEqual(expect.arrayContaining(['E1', 'E2', 'E3']));
    const path = evidence.find(({ rule }) => rule === 'E2')?.path ?? '';
    const verified = await runCommand(['evidence', 'verify', path, '--chain-id', network.chainId, '--json']);
    expect([verified.code, JSON.parse(verified.stdout)]).toMatchObject([0, { rule: 'E2', validator: { index: LIAR } }]);
    const other = await runCommand(['evidence', 'verify', path, '--chain-id', 'ab'.repeat(32)]);
    expect([other.code, other.stderr]).toEqual([5, expect.stringContaining('EVIDENCE_INVALID')]);
    const text = readFileSync(path, 'utf8');
    const at = text.lastIndexOf('"') - 9;
    const changed = join(network.directory, 'changed.json');
    writeFileSync(changed, `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`);
    const tampered = await runCommand(['evidence', 'verify', changed, '--chain-id', network.chainId]);
    expect([tampered.code, tampered.stderr]).toEqual([5, expect.stringContaining('EVIDENCE_INVALID')]);
  });

  it('cannot stop the others with results of its own invention', async () => {
    const executed = (await statusOf(victim(0)))?.executedHeight ?? 0;
    for (let height = executed + 1; height <= executed + 12; height += 1) {
      for (const index of [0, 1, 2]) liar.sayResult(index, liar.falseResult(height));
    }
    await expectProgress();
    await eventually(honest, 'a divergence in the log', () =>
      readFileSync(victim(0).logFile, 'utf8').includes('another validator signed a different result'),
    );
    for (const node of honest.nodes) {
      expect(node.isRunning).toBe(true);
      expect((await readinessOf(node))?.reasons).toEqual([]);
    }
  });

  it('cannot keep a restarted validator from coming back', async () => {
    await victim(0).restart();
    await eventually(
      honest,
      'the liar is connected again',
      () => liar.isConnectedTo(0) || liar.network.connectedPeers().length >= 2,
    );
    await untilReady(honest);
    await expectProgress();
    expect(liar.liesTold).toBeGreaterThan(0);
  });

  it('is shut out for floods, and memory stays bounded', async () => {
    const before = await counted(victim(2), 'cloister_process_resident_memory_bytes');
    const bans = await counted(victim(2), 'cloister_network_bans_total');
    const vote = liar.vote({ kind: 'notarize', view: 1_000_000, hash: someHash() });
    await eventually(honest, 'the flooding liar is refused', async () => {
      for (let count = 0; count < 20_000; count += 1) liar.say(2, { kind: 'vote', vote });
      return (await counted(victim(2), 'cloister_network_bans_total')) > bans;
    });
    expect(await counted(victim(2), 'cloister_network_penalties_total', 'message-rate')).toBeGreaterThan(0);
    await expectProgress();
    expect((await counted(victim(2), 'cloister_process_resident_memory_bytes')) - before).toBeLessThan(
      MAX_GROWTH_BYTES,
    );
  });

  it('is shut out for noise, for forged votes and for what is too large', async () => {
    await eventually(honest, 'the liar is connected to two', () => [0, 1].every((index) => liar.isConnectedTo(index)));
    const forged = {
      ...liar.vote({ kind: 'notarize', view: (await viewOf(victim(1))) + 2, hash: someHash() }),
      signature: randomBytes(64),
    };
    liar.say(1, { kind: 'vote', vote: forged });
    for (let count = 0; count < 4; count += 1) {
      liar.network.send(liar.peerOf(0), 'consensus', randomBytes(100 + count));
      liar.network.send(liar.peerOf(0), 'bulk', randomBytes(100 + count));
    }
    await eventually(
      honest,
      'forged votes are penalised',
      async () => (await counted(victim(1), 'cloister_network_penalties_total', 'invalid-signature')) > 0,
    );
    await eventually(
      honest,
      'noise is penalised',
      async () => (await counted(victim(0), 'cloister_network_penalties_total', 'malformed-message')) > 0,
    );
    for (const index of [0, 1]) {
      await eventually(
        honest,
        `validator ${index} refuses the liar`,
        async () => (await counted(victim(index), 'cloister_network_bans_total')) > 0,
      );
    }
    // The third refused it for its flood and takes it back when that ban is over.
    await eventually(honest, 'the liar is taken back', () => liar.isConnectedTo(2));
    const oversize = await counted(victim(2), 'cloister_network_penalties_total', 'oversize-frame');
    liar.network.send(liar.peerOf(2), 'bulk', randomBytes(3 * MIB));
    await eventually(
      honest,
      'too much is penalised',
      async () => (await counted(victim(2), 'cloister_network_penalties_total', 'oversize-frame')) > oversize,
    );
    await expectProgress();
  });
});
