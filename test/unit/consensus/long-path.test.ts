/**
 * A log whose ledger is gone: it holds more blocks than one proof of finality may span. They are delivered by
 * finalizations further down, which are asked for, and never all at once.
 */
import { expect, it } from 'vitest';
import type { Verified } from '../../../protocol/brand.ts';
import { MAX_FOLLOWING_HEADERS } from '../../../protocol/consensus/finality-proof.ts';
import { MAX_BLOCKS_PER_RESPONSE } from '../../../protocol/consensus/request.ts';
import type { WalRecord } from '../../../protocol/consensus/wal-record.ts';
import type { BodyState, CheckedBlock } from '../../../consensus/input.ts';
import { certificate, chainOf, of, Rig } from './harness.ts';

const LONG = MAX_FOLLOWING_HEADERS + MAX_BLOCKS_PER_RESPONSE / 2;

it('delivers a chain that is too long for one proof piece by piece', () => {
  const chain = chainOf(4, LONG);
  const log = chain.flatMap(({ id, header, justification, system }): WalRecord[] => [
    { kind: 'block', header, justification, system, body: [] },
    { kind: 'certificate', certificate: certificate(4, 'notarize', header.view, id) },
  ]);
  const rig = new Rig(4, 0, { log });
  const newest = certificate(4, 'finalize', LONG, chain.at(-1)?.id);
  const asked = rig.certificate(newest);
  expect(of(asked, 'deliver')).toEqual([]);
  expect(of(asked, 'request').map(({ request }) => request)).toContainEqual({
    kind: 'getBlocks',
    from: 1,
    to: MAX_BLOCKS_PER_RESPONSE,
  });

  const piece = chain.slice(0, MAX_BLOCKS_PER_RESPONSE);
  const checked = piece.map((block) => ({ ...block, body: 'present' })) as unknown as (Verified<CheckedBlock> & {
    body: BodyState;
  })[];
  const finalization = certificate(4, 'finalize', piece.length, piece.at(-1)?.id);
  const given = rig.give({ kind: 'blocks', blocks: checked, finalization, from: 1 as never });
  rig.certificate(newest);
  const delivered = of([...given, ...rig.effects], 'deliver').map(({ blocks }) => blocks.length);
  expect(delivered).toContain(piece.length);
  expect(rig.core.finalized.height).toBe(LONG);
  expect(Math.max(...delivered)).toBeLessThanOrEqual(MAX_FOLLOWING_HEADERS);
});
