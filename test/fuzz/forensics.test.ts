/**
 * Forensics over seeded forks (consensus design §4, P13): from two contradicting chains alone at least f + 1 culprits,
 * whatever way the liars took, and never an honest validator, not even from chains that were tampered with.
 */
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../protocol/codec.ts';
import { accusedBy, evidenceCodec, evidenceHolds, ruleOf } from '../../protocol/consensus/evidence.ts';
import { culpritsOf, type FinalisedChain } from '../../protocol/consensus/forensics.ts';
import { faultBound } from '../../protocol/genesis.ts';
import { fakeVerify } from '../sim/fake-crypto.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { campaign, oneOf, shuffled } from './campaign.ts';
import { type Fork, forkOf, RULE_OF_WAY, type WayAround } from './forks.ts';

const WAYS = Object.keys(RULE_OF_WAY) as WayAround[];
const CASES = WAYS.flatMap((way) => [4, 7].map((validators) => [way, validators] as const));
const MAX = 1_000_000;

/** A chain in which something is another's, gone, or in another place. */
const tampered = (random: SeededRandom, chain: FinalisedChain, { first, second }: Fork): FinalisedChain => {
  const all = [...first.blocks, ...second.blocks];
  const blocks = chain.blocks.map((block) => {
    const other = oneOf(random, all);
    const { parent, nullifications } = block.justification;
    switch (random.integer(6)) {
      case 0:
        return { ...block, justification: other.justification };
      case 1:
        return { ...block, justification: { parent: other.justification.parent, nullifications } };
      case 2:
        return { ...block, justification: { parent, nullifications: nullifications.slice(1) } };
      case 3:
        return { ...block, header: other.header };
      default:
        return block;
    }
  });
  const finalization = random.integer(2) === 0 ? chain.finalization : first.finalization;
  const unattached = oneOf(random, [chain, first, second]).unattached;
  return { blocks: random.integer(3) === 0 ? shuffled(random, blocks).slice(1) : blocks, unattached, finalization };
};

describe('two contradicting chains', () => {
  it.each(CASES)('%s, n = %i: f + 1 culprits or more, all of them liars', (way, validators) => {
    campaign(60, (random) => {
      const { anchor, liars, first, second } = forkOf(random, validators, way);
      const found = culpritsOf(anchor, first, second, fakeVerify);
      const accused = found.map(accusedBy);
      expect(new Set(accused).size).toBe(accused.length);
      expect(accused.length).toBeGreaterThan(faultBound(validators));
      expect(accused.filter((validator) => !liars.has(validator))).toEqual([]);
      expect([...new Set(found.map(ruleOf))]).toEqual([RULE_OF_WAY[way]]);
      for (const evidence of found) {
        const told = decode(evidenceCodec, encode(evidenceCodec, evidence), MAX);
        expect(evidenceHolds(told, anchor, fakeVerify)).toBe(true);
      }
      expect(culpritsOf(anchor, second, first, fakeVerify).map(accusedBy)).toEqual(accused);
    });
  });

  it('need nothing below the fork', () => {
    campaign(60, (random) => {
      const { anchor, first, second } = forkOf(random, 4, oneOf(random, WAYS));
      const shared = first.blocks.findIndex((block, index) => block !== second.blocks[index]);
      const above = (chain: FinalisedChain): FinalisedChain => ({ ...chain, blocks: chain.blocks.slice(shared) });
      const accused = culpritsOf(anchor, first, second, fakeVerify).map(accusedBy);
      expect(culpritsOf(anchor, above(first), above(second), fakeVerify).map(accusedBy)).toEqual(accused);
    });
  });

  it('convict nobody who is honest when they were tampered with', () => {
    campaign(600, (random) => {
      const fork = forkOf(random, oneOf(random, [4, 7]), oneOf(random, WAYS));
      const { anchor, liars, first, second } = fork;
      const found = culpritsOf(anchor, tampered(random, first, fork), tampered(random, second, fork), fakeVerify);
      expect(found.map(accusedBy).filter((validator) => !liars.has(validator))).toEqual([]);
    });
  });
});

describe('chains that agree', () => {
  it('convict nobody', () => {
    campaign(60, (random) => {
      const { anchor, first } = forkOf(random, 4, 'same view');
      expect(culpritsOf(anchor, first, first, fakeVerify)).toEqual([]);
    });
  });
});
