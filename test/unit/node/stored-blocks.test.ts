/** Final blocks in the ledger: what went in comes out, and ranges for peers end with a finalization of their own. */
import { afterEach, describe, expect, it } from 'vitest';
import { view as asView } from '../../../protocol/brand.ts';
import {
  blockRecords,
  type ProvenBlock,
  readBlockRange,
  readHeaderRecord,
  readNullifications,
  readProof,
  readProvenBlock,
  readStoredBlock,
} from '../../../node/stored-blocks.ts';
import { finalPointOf } from '../../../node/storage.ts';
import { Ledger } from '../../../ledger/ledger.ts';
import { basePoint } from '../../../consensus/state.ts';
import { anchorOf, blockOn, certificate, pointOf, type TestBlock } from '../consensus/harness.ts';
import { chainId, freshDirectory, replicaKey } from '../ledger/support.ts';
import { envelopeOf } from './support.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
});

const chain: TestBlock[] = [];
for (let view = 1; view <= 8; view += 1) {
  const parent = chain.at(-1);
  chain.push(blockOn(4, parent === undefined ? basePoint(anchorOf(4)) : pointOf(parent), view));
}

/** Blocks 1 to 8; the finalizations are those of blocks 1, 2, 6 and 8. */
const proofs = [1, 2, 6, 8];
const blocks = chain.map((block, index): ProvenBlock => {
  const height = index + 1;
  const proof = proofs.find((candidate) => candidate >= height) ?? 8;
  const last = chain[proof - 1] ?? block;
  return {
    ...block,
    body: [envelopeOf(height, 512)],
    tails: [],
    proof: {
      following: chain.slice(height, proof).map(({ header }) => header),
      finalization: certificate(4, 'finalize', last.header.view, last.id),
    },
    unattached: [],
  };
});

const ledgerWith = async (count: number): Promise<Ledger> => {
  const ledger = await Ledger.open(freshDirectory(), { replicaKey, chainId });
  open.push(ledger);
  if (count > 0) await ledger.storeFinalised(...blocks.slice(0, count).map(blockRecords));
  return ledger;
};

const range = (ledger: Ledger, from: number, to: number, maxBlocks = 64, maxBodyBytes = 1_000_000) => {
  const { blocks: found, finalization } = readBlockRange(ledger, { from, to, maxBlocks, maxBodyBytes });
  return {
    heights: found.map(({ header }) => header.height as number),
    bodies: found.map(({ body }) => body !== undefined),
    finalView: finalization?.view as number | undefined,
  };
};

describe('stored blocks', () => {
  it('come out as they went in', async () => {
    const ledger = await ledgerWith(8);
    for (const block of blocks) expect(readProvenBlock(ledger, block.header.height)).toEqual(block);
    const { id: _id, ...third } = chain[2] ?? { id: undefined };
    expect(readHeaderRecord(ledger, 3)).toEqual({ ...third, tails: [] });
    expect(readProvenBlock(ledger, 9)).toBeUndefined();
    expect(readProof(ledger, 9)).toBeUndefined();
    expect(readHeaderRecord(ledger, 9)).toBeUndefined();
  });

  it('keep one proof for all blocks that a finalization covers', async () => {
    const ledger = await ledgerWith(8);
    const kept = blocks.flatMap(({ header }) =>
      ledger.readFinality(header.height) === undefined ? [] : header.height,
    );
    expect(kept).toEqual(proofs);
    expect(readStoredBlock(ledger, 3)?.proof).toBeUndefined();
    expect(readStoredBlock(ledger, 6)?.proof?.following).toEqual([]);
    expect(readProof(ledger, 3)?.following.map(({ height }) => height as number)).toEqual([4, 5, 6]);
  });

  it('keep apart why views below them were skipped, found by epoch and view', async () => {
    const ledger = await ledgerWith(1);
    const second = blocks[1];
    if (second === undefined) throw new Error('no second block');
    const unattached = [40, 41, 43].map((view) => certificate(4, 'nullify', view));
    await ledger.storeFinalised(blockRecords({ ...second, unattached }));
    const read = (epoch: number, from: number, to: number): readonly number[] =>
      [...readNullifications(ledger, epoch, { from: asView(from), to: asView(to) })].map(({ view }) => view);
    expect([...readNullifications(ledger, 1, { from: asView(40), to: asView(40) })]).toEqual(unattached.slice(0, 1));
    expect(read(1, 40, 99)).toEqual([40, 41]);
    expect(read(1, 43, 99)).toEqual([43]);
    expect(read(2, 1, 99)).toEqual([]);
    expect(readProvenBlock(ledger, 2)).toEqual(second);
  });

  it('are read in ranges that end with a finalization of their own', async () => {
    const ledger = await ledgerWith(8);
    expect(range(ledger, 1, 2)).toMatchObject({ heights: [1, 2], finalView: 2 });
    expect(range(ledger, 2, 4)).toMatchObject({ heights: [2, 3, 4, 5, 6], finalView: 6 });
    expect(range(ledger, 1, 99)).toMatchObject({ heights: [1, 2, 3, 4, 5, 6, 7, 8], finalView: 8 });
    expect(range(ledger, 1, 99, 4)).toMatchObject({ heights: [1, 2], finalView: 2 });
    // Neither of two is of use without what follows.
    expect(range(ledger, 3, 99, 2)).toMatchObject({ heights: [3, 4, 5, 6], finalView: 6 });
    expect(range(ledger, 9, 12)).toMatchObject({ heights: [], finalView: undefined });
  });

  it('leave bodies out when the answer grows too large, but never the first', async () => {
    const ledger = await ledgerWith(8);
    expect(range(ledger, 1, 6, 64, 2 * 512).bodies).toEqual([true, true, false, false, false, false]);
    expect(range(ledger, 1, 2, 64, 1).bodies).toEqual([true, false]);
  });

  it('give agreement the newest block with a finalization of its own to start from', async () => {
    const anchor = anchorOf(4);
    expect(finalPointOf(await ledgerWith(0), anchor)).toMatchObject({ height: 0 });
    expect(finalPointOf(await ledgerWith(5), anchor)).toMatchObject({ height: 2, id: chain[1]?.id });
    expect(finalPointOf(await ledgerWith(8), anchor)).toMatchObject({ height: 8, view: 8 });
  });
});
