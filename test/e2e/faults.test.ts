/**
 * Faults of real processes: killed nodes and enclaves, a lost quorum, a killed network, an orderly stop, under load.
 *
 * The property throughout: calls go on while a quorum runs, nothing acknowledged is lost, nothing is applied twice, and
 * every node ends with the same state. Moments and victims come from a seed that is printed (CLOISTER_TEST_SEED).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { ProcessChoice } from '../../testnet/node-process.ts';
import {
  diagnose,
  eventually,
  evidenceCount,
  metricsOf,
  metricSum,
  readinessOf,
  statusOf,
  untilReady,
  untilSameState,
} from '../support/live-network.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { TokenLoad } from '../support/token-load.ts';

const SEED = Number(process.env['CLOISTER_TEST_SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(SEED);
const RETURN_MS = 5_000;
/** More blocks than one answer of a peer holds. */
const FAR_BEHIND_BLOCKS = 80;

let network: LocalNetwork;
let load: TokenLoad;

const nodeAt = (index: number): LocalNetwork['nodes'][number] => {
  const node = network.nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
};

/** Waits until the load has gone on by some calls: the moments of a test are counted in acknowledged calls. */
const untilCalls = (more: number, deadlineMs = 20_000): Promise<true> => {
  const target = load.count + more;
  return eventually(
    network,
    `${more} more calls (failures: ${load.failures.map(String).join('; ')})`,
    () => load.count >= target,
    deadlineMs,
  );
};

/** Acknowledged calls that were found at every node before. */
let checked = 0;

/** Everything that must hold once the dust has settled. */
const expectNothingLost = async (): Promise<void> => {
  await untilReady(network);
  const { height } = await untilSameState(network);
  expect(load.failures).toEqual([]);
  expect(await load.bookErrors()).toEqual([]);
  expect(load.badReceipts().length).toBe(0);
  for (const node of network.nodes) {
    await eventually(
      network,
      `every acknowledged receipt at ${node.name}`,
      async () => (await load.missingAt(node.api, checked)).length === 0,
      10_000,
    );
  }
  checked = load.count;
  expect(await evidenceCount(network)).toBe(0);
  expect(height).toBeGreaterThan(0);
};

beforeAll(async () => {
  process.stderr.write(`faults: seed ${SEED} (repeat with CLOISTER_TEST_SEED=${SEED})\n`);
  network = await LocalNetwork.start({ logLevel: 'info' });
  load = await TokenLoad.prepare(network, 4);
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

describe('a killed validator', () => {
  for (const which of ['node', 'enclave', 'both'] satisfies ProcessChoice[]) {
    it(`loses nothing when its ${which} is killed under load`, async () => {
      const victim = nodeAt(random.integer(network.nodes.length));
      const before = await statusOf(victim);
      load.start();
      await untilCalls(20 + random.integer(40));
      await victim.kill('SIGKILL', which);
      await untilCalls(60);
      if (which !== 'enclave') {
        const startedAt = performance.now();
        await victim.start();
        await untilReady(network, [victim]);
        process.stderr.write(
          `faults: ${victim.name} ready again ${Math.round(performance.now() - startedAt)} ms after its ${which} was killed\n`,
        );
      } else {
        await eventually(
          network,
          `${victim.name} restarts its enclave`,
          async () => metricSum(await metricsOf(victim), 'cloister_node_enclave_restarts_count') > 0,
        );
        await untilReady(network, [victim]);
      }
      await untilCalls(20);
      await load.stop();
      const after = await statusOf(victim);
      expect(after?.finalizedHeight).toBeGreaterThan(before?.finalizedHeight ?? 0);
      await expectNothingLost();
    });
  }

  it('catches up when it was away for longer than one answer of a peer covers', async () => {
    const victim = nodeAt(random.integer(network.nodes.length));
    const witness = nodeAt((victim.index + 1) % network.nodes.length);
    await victim.kill('SIGKILL', 'both');
    const away = (await statusOf(witness))?.finalizedHeight ?? 0;
    load.start(3);
    await eventually(
      network,
      'many blocks without the victim',
      async () => ((await statusOf(witness))?.finalizedHeight ?? 0) > away + FAR_BEHIND_BLOCKS,
      40_000,
    );
    const startedAt = performance.now();
    await victim.start();
    await untilReady(network, [victim]);
    await load.stop();
    await untilSameState(network);
    process.stderr.write(
      `faults: ${FAR_BEHIND_BLOCKS} blocks behind, level again after ${Math.round(performance.now() - startedAt)} ms\n`,
    );
    await expectNothingLost();
  });

  it('votes again: with another validator down its vote is needed', async () => {
    const [returned, other] = [nodeAt(0), nodeAt(1)];
    await returned.kill('SIGKILL', 'both');
    await returned.start();
    await untilReady(network, [returned]);
    await other.kill('SIGKILL', 'both');
    await load.once();
    await other.start();
    await expectNothingLost();
  });
});

describe('a lost quorum', () => {
  it('makes no progress, says why, and goes on within five seconds of the return', async () => {
    const [alive, killed] = [
      [nodeAt(0), nodeAt(3)],
      [nodeAt(1), nodeAt(2)],
    ];
    load.start(1);
    await untilCalls(10);
    await Promise.all(killed.map((node) => node.kill('SIGKILL', 'both')));
    for (const node of alive) {
      const readiness = await eventually(network, `${node.name} is not ready`, async () => {
        const now = await readinessOf(node);
        return now?.ready === false ? now : undefined;
      });
      expect(readiness.httpStatus).toBe(503);
      expect(readiness.reasons).toContain('quorum_not_connected');
    }
    const stuck = await statusOf(nodeAt(0));
    expect(stuck).toMatchObject({ ready: false, peers: { connected: 1, validators: 4 } });
    const count = load.count;
    // Submissions wait: their view changes show that the validators still try.
    await eventually(
      network,
      'views go by without progress',
      async () => ((await statusOf(nodeAt(0)))?.uptimeSeconds ?? 0) > (stuck?.uptimeSeconds ?? 0) + 1,
    );
    expect((await statusOf(nodeAt(0)))?.finalizedHeight).toBe(stuck?.finalizedHeight);
    expect(load.count).toBe(count);
    const [first] = killed;
    await Promise.all(killed.map((node) => node.start()));
    const startedAt = performance.now();
    await eventually(
      network,
      'progress after the return',
      async () => ((await statusOf(nodeAt(0)))?.finalizedHeight ?? 0) > (stuck?.finalizedHeight ?? 0),
    );
    const tookMs = Math.round(performance.now() - startedAt);
    process.stderr.write(`faults: progress ${tookMs} ms after ${first?.name} and another returned\n`);
    expect(tookMs).toBeLessThan(RETURN_MS);
    await untilCalls(10);
    await load.stop();
    await expectNothingLost();
  });
});

describe('a killed network', () => {
  it('continues when all four are killed at once under load', async () => {
    load.start();
    await untilCalls(30 + random.integer(40));
    const before = await untilSameStateOf(0);
    await Promise.all(network.nodes.map((node) => node.kill('SIGKILL', 'both')));
    await Promise.all(network.nodes.map((node) => node.start()));
    const startedAt = performance.now();
    await untilCalls(20, 30_000);
    process.stderr.write(
      `faults: first calls ${Math.round(performance.now() - startedAt)} ms after the start of a killed network\n`,
    );
    await load.stop();
    await expectNothingLost();
    expect((await statusOf(nodeAt(0)))?.executedHeight).toBeGreaterThan(before);
  });

  it('keeps state and chain id over an orderly stop', async () => {
    const before = await untilSameState(network);
    const chain = (await statusOf(nodeAt(0)))?.chainId;
    const exits = await Promise.all(network.nodes.map((node) => node.stop()));
    expect(exits.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    await Promise.all(network.nodes.map((node) => node.start()));
    await untilReady(network);
    const after = await untilSameState(network);
    expect(after.height).toBeGreaterThanOrEqual(before.height);
    expect((await statusOf(nodeAt(0)))?.chainId).toBe(chain);
    await load.once();
    // Everything that was ever acknowledged in this file, once more.
    checked = 0;
    await expectNothingLost();
  });
});

const untilSameStateOf = async (index: number): Promise<number> => {
  const status = await statusOf(nodeAt(index));
  if (status === undefined) throw new Error(await diagnose(network));
  return status.executedHeight;
};
