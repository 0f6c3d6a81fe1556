/**
 * Changes of the validator set over real processes while calls go on: a validator joins, one is replaced, one leaves, an
 * observer follows. Nothing acknowledged is lost, every receipt of every epoch verifies from the chain id alone, and
 * what the machines keep is auditable over all epochs.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';
import { connect } from '../../wallet/index.ts';
import { runCommand } from '../support/command-line.ts';
import { eventually, statusOf, untilReady, untilSameState } from '../support/live-network.ts';
import { scratchDirectory } from '../support/scratch.ts';
import { TokenLoad } from '../support/token-load.ts';

let network: LocalNetwork;
/** The nodes that belong to the network now. */
let present: NodeProcess[];
let load: TokenLoad;
let joiner: NodeProcess;
let successor: NodeProcess;
let observer: NodeProcess;
const opened: AsyncDisposable[] = [];

const nodeAt = (index: number): NodeProcess => {
  const node = network.nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
};

/** Runs a command as the member who governs; gives its JSON object. */
const govern = async (...args: string[]): Promise<Record<string, unknown>> => {
  const { code, stdout, stderr } = await runCommand([
    ...args,
    '--dir',
    network.directory,
    '--account',
    'dev-1',
    '--json',
  ]);
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  return JSON.parse(stdout) as Record<string, unknown>;
};

const untilCalls = (more: number): Promise<true> => {
  const target = load.count + more;
  return eventually({ nodes: present }, `${more} more calls`, () => load.count >= target || load.failures.length > 0);
};

const untilRole = (node: NodeProcess, epoch: number, role: string): Promise<true> =>
  eventually({ nodes: present }, `${node.name} is ${role} in epoch ${epoch}`, async () => {
    const status = await statusOf(node);
    return status?.epoch === epoch && status.role === role;
  });

beforeAll(async () => {
  const scratch = await scratchDirectory();
  opened.push(scratch);
  network = await LocalNetwork.start({ directory: scratch.path, parameters: { minEpochMs: 1_000 } });
  opened.push(network);
  present = [...network.nodes];
  load = await TokenLoad.prepare(network, 3);
  load.start(1);
}, 60_000);

afterAll(async () => {
  await load.stop();
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
}, 60_000);

describe('the validator set changes while calls go on', () => {
  it('a validator joins, once it has caught up', async () => {
    await untilCalls(5);
    joiner = await network.createNode('validator-5');
    await joiner.start();
    present.push(joiner);
    const outcome = await govern('validators', 'add', join(joiner.home, 'validator.json'));
    expect(outcome).toMatchObject({
      before: { validators: 4, quorum: 3, faults: 1 },
      after: { validators: 5, quorum: 4, faults: 1 },
      carriedOut: true,
      newEpoch: 2,
    });
    await untilReady({ nodes: present });
    await untilRole(joiner, 2, 'validator');
    await untilCalls(5);
  });

  it('an observer is let in, follows, and answers what is public', async () => {
    observer = await network.createNode('watcher', 'observer');
    await observer.start();
    present.push(observer);
    expect(await govern('observers', 'add', join(observer.home, 'observer.json'))).toMatchObject({ newEpoch: 3 });
    await untilReady({ nodes: present }, [observer]);
    await untilRole(observer, 3, 'observer');
    await untilCalls(5);
    const query = await fetch(`${observer.api}/v1/query`, { method: 'POST', body: new Uint8Array(600) });
    expect(query.ok).toBe(false);
  });

  it('one validator is replaced by another in one step', async () => {
    successor = await network.createNode('validator-6');
    await successor.start();
    present.push(successor);
    const leaving = nodeAt(0);
    const outcome = await govern('validators', 'replace', leaving.name, join(successor.home, 'validator.json'));
    expect(outcome).toMatchObject({ newEpoch: 4, before: { validators: 5 }, after: { validators: 5 } });
    await untilReady({ nodes: present }, [successor]);
    await untilRole(successor, 4, 'validator');
    await untilRole(leaving, 4, 'observer');
    await leaving.stop();
    present = present.filter((node) => node !== leaving);
    await untilCalls(5);
  });

  it('a validator leaves, and those that joined are needed', async () => {
    expect(await govern('validators', 'remove', 'validator-4')).toMatchObject({
      newEpoch: 5,
      after: { validators: 4 },
    });
    await untilRole(nodeAt(1), 5, 'validator');
    await nodeAt(3).stop();
    present = present.filter((node) => node !== nodeAt(3));
    await untilCalls(5);
    // Four validators are left, two of them new: with one down, both new ones are needed for a quorum of three.
    await nodeAt(1).kill('SIGKILL', 'both');
    await untilCalls(10);
    await nodeAt(1).start();
    await untilReady({ nodes: present }, [nodeAt(1)]);
  });

  it('a validator changes its key: prepared while it is stopped, changed over while it runs', async () => {
    const node = nodeAt(2);
    await node.stop();
    const file = join(network.directory, 'rotation.json');
    const prepared = await runCommand(['guard', 'rotate', node.home, '--out', file, '--json']);
    const { validatorKey, newKey } = JSON.parse(prepared.stdout) as Record<string, string>;
    await node.start();
    await untilReady({ nodes: present }, [node]);
    expect((await statusOf(node))?.validator?.key).toBe(validatorKey);
    expect(await govern('validators', 'rotate-key', file)).toMatchObject({ newEpoch: 6, carriedOut: true });
    await untilRole(node, 6, 'validator');
    expect((await statusOf(node))?.validator?.key).toBe(newKey);
    // With another one down, three of four are a quorum: the new key votes.
    await nodeAt(1).kill('SIGKILL', 'both');
    await untilCalls(5);
    await nodeAt(1).start();
    await untilReady({ nodes: present }, [nodeAt(1)]);
    await node.stop();
    const again = await runCommand(['guard', 'rotate', node.home, '--out', file, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ validatorKey: newKey });
    await node.start();
    await untilReady({ nodes: present }, [node]);
  });

  it('refuses what would leave nobody to vote, what is unknown, and what is late', async () => {
    const unknown = await runCommand([
      'validators',
      'remove',
      'validator-9',
      '--dir',
      network.directory,
      '--account',
      'dev-1',
    ]);
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('USAGE_UNKNOWN_VALIDATOR')]);
    const again = await runCommand([
      'validators',
      'add',
      join(joiner.home, 'validator.json'),
      '--dir',
      network.directory,
      '--account',
      'dev-1',
    ]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('GOVERNANCE_REFUSED')]);
  });

  it('loses nothing: books balance, receipts of all epochs verify, wallets and auditors follow from the chain id', async () => {
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(await load.bookErrors()).toEqual([]);
    expect(load.badReceipts()).toEqual([]);
    present = [nodeAt(1), nodeAt(2), joiner, successor, observer];
    await untilSameState({ nodes: present });
    for (const { api, name } of present)
      await eventually(
        network,
        `every acknowledged call at ${name}`,
        async () => (await load.missingAt(api)).length === 0,
      );
    const fresh = await connect({ urls: [successor.api, joiner.api], chainId: network.chainId });
    expect(fresh.configuration).toMatchObject({ epoch: 6 });
    expect(fresh.configuration.validators.map(({ name }) => name)).toEqual([
      'validator-2',
      'validator-3',
      'validator-5',
      'validator-6',
    ]);
    await observer.stop();
    const audit = await runCommand(['ledger', 'verify', observer.home, '--json']);
    expect([audit.code, JSON.parse(audit.stdout)]).toMatchObject([0, { epochs: 6 }]);
  });
});
