/** The audit of finality proofs, on a ledger that keeps one finalization for several blocks. */
import { describe, expect, it } from 'vitest';
import { height as asHeight } from '../../../protocol/brand.ts';
import { genesisAnchor } from '../../../protocol/consensus/configuration.ts';
import type { Header } from '../../../protocol/consensus/header.ts';
import { blockRecords } from '../../../node/stored-blocks.ts';
import type { FinalisedBlock, Ledger } from '../../../ledger/index.ts';
import { finalityCheckOf } from '../../../cli/finality-audit.ts';
import { blockOn, certificateOn, quorumIn } from '../../support/real-chain.ts';
import { genesisOf, keysOf } from '../../support/tiny-genesis.ts';
import type { TestBlock } from '../consensus/harness.ts';

const NETWORK = 'audit';
const anchor = genesisAnchor(genesisOf(NETWORK));
const keys = keysOf(NETWORK);
const chain: TestBlock[] = [];
for (let height = 1; height <= 8; height += 1) chain.push(blockOn(anchor, keys, chain.at(-1)?.header));

/** What the audit says of heights 1 to `executed`, where blocks of some heights have a finalization by some signers. */
const audit = (executed: number, signersAt: Record<number, readonly number[]>): (string | undefined)[] => {
  const records = chain.map(({ header, ...block }): FinalisedBlock => {
    const signers = signersAt[header.height];
    const finalization = signers && certificateOn(anchor, keys, 'finalize', header, signers);
    const proof = finalization && { following: [], finalization };
    return blockRecords({ ...block, header, body: [], tails: [], unattached: [], proof });
  });
  const at = (height: number): FinalisedBlock | undefined => records[height - 1];
  const ledger: Pick<Ledger, 'head' | 'readFinality' | 'readHeader'> = {
    head: () => ({ height: asHeight(executed) }) as ReturnType<Ledger['head']>,
    readFinality: (height) => at(height)?.finality,
    readHeader: (height) => at(height)?.header,
  };
  const check = finalityCheckOf(ledger, [anchor]);
  return chain.slice(0, executed).map(({ header, id }) => check(header satisfies Header, id));
};

const quorum = quorumIn(anchor);
const sound = (heights: number) => Array.from({ length: heights }, () => undefined);

describe('the audit of finality', () => {
  it('is content with a proof for each block, and with one for many', () => {
    expect(audit(8, Object.fromEntries(chain.map(({ header }) => [header.height, quorum])))).toEqual(sound(8));
    expect(audit(8, { 1: quorum, 5: quorum, 8: quorum })).toEqual(sound(8));
  });

  it('finds what proves the last executed block above it', () => {
    expect(audit(4, { 1: quorum, 6: quorum })).toEqual(sound(4));
  });

  it('names the first block whose proof is missing or does not hold', () => {
    expect(audit(8, { 1: quorum, 5: quorum })).toEqual([...sound(7), 'missing']);
    expect(audit(8, { 1: quorum, 5: quorum.slice(1), 8: quorum }).findIndex((said) => said !== undefined)).toBe(4);
  });
});
