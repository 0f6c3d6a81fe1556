/** Final blocks between agreement and execution: what waits in memory, what is in the ledger, and what proves it. */
import { afterEach, expect, it } from 'vitest';
import { BodyStore } from '../../../node/body-store.ts';
import type { Delivery } from '../../../node/consensus-driver.ts';
import { FinalBlocks } from '../../../node/final-blocks.ts';
import { readProof } from '../../../node/stored-blocks.ts';
import { basePoint } from '../../../consensus/state.ts';
import { Ledger } from '../../../ledger/ledger.ts';
import { anchorOf, blockOn, certificate, pointOf, type TestBlock } from '../consensus/harness.ts';
import { chainId, freshDirectory, replicaKey } from '../ledger/support.ts';

const chain: TestBlock[] = [];
for (let view = 1; view <= 80; view += 1) {
  const parent = chain.at(-1);
  chain.push(blockOn(4, parent === undefined ? basePoint(anchorOf(4)) : pointOf(parent), view, { transactions: 0 }));
}

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

const start = async () => {
  const ledger = await Ledger.open(freshDirectory(), { replicaKey, chainId });
  open.push(ledger);
  const failures: unknown[] = [];
  const blocks = new FinalBlocks(ledger, new BodyStore(), (error) => failures.push(error));
  const deliver = (from: number, to: number): void => {
    const delivered = chain.slice(from - 1, to);
    const last = delivered.at(-1);
    if (last === undefined) throw new Error('no such block');
    const finalization = certificate(4, 'finalize', last.header.view, last.id);
    const delivery: Delivery = {
      kind: 'deliver',
      ...{ blocks: delivered, following: [], tails: [], unattached: [], finalization },
    };
    blocks.deliver(delivery);
  };
  return { ledger, blocks, deliver, failures };
};

it('keeps single blocks in memory, and moves them to the ledger when many wait', async () => {
  const { ledger, blocks, deliver, failures } = await start();
  for (let height = 1; height <= 32; height += 1) deliver(height, height);
  await blocks.settled();
  expect([blocks.backlog, ledger.head().finalisedHeight]).toEqual([32, 0]);
  deliver(33, 33);
  await blocks.settled();
  expect([blocks.backlog, ledger.head().finalisedHeight]).toEqual([0, 33]);
  expect(blocks.from(30, 9).map(({ header }) => header.height as number)).toEqual([30, 31, 32, 33]);
  expect(failures).toEqual([]);
});

it('writes what one finalization covers at once, with one proof, and keeps it readable throughout', async () => {
  const { ledger, blocks, deliver, failures } = await start();
  deliver(1, 3);
  expect(blocks.at(1)?.proof.following).toHaveLength(2);
  await blocks.settled();
  expect([blocks.backlog, ledger.head().finalisedHeight]).toEqual([3, 3]);
  expect([1, 2, 3].map((height) => readProof(ledger, height)?.following.length)).toEqual([2, 1, 0]);
  for (const height of [1, 2, 3]) blocks.done(height);
  expect(blocks.at(1)?.proof).toEqual(readProof(ledger, 1));
  expect(failures).toEqual([]);
});

it('holds no more than a few in memory, however many arrive before the first is written', async () => {
  const { ledger, blocks, deliver, failures } = await start();
  deliver(1, 20);
  deliver(21, 60);
  deliver(61, 80);
  expect(blocks.from(1, 99)).toHaveLength(80);
  await blocks.settled();
  expect(blocks.backlog).toBeLessThanOrEqual(32);
  expect(ledger.head().finalisedHeight).toBe(80);
  expect(blocks.from(1, 99)).toHaveLength(80);
  expect([1, 20, 21, 60, 61].map((height) => readProof(ledger, height)?.finalization.view as number)).toEqual([
    20, 20, 60, 60, 80,
  ]);
  expect(failures).toEqual([]);
});
