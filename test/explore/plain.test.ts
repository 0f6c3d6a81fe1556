/**
 * The explorer's shortcuts against plain enumeration: every plan of every honest validator, every parent of every block,
 * one history after the other, with certificates counted and chains compared by other code.
 */
import { describe, expect, it } from 'vitest';
import { assignments } from '../support/combinatorics.ts';
import { explore, sizeOf } from './explore.ts';
import { agreement } from './properties.ts';
import { ParentJudge, votePlans, type Weakening } from './rules.ts';
import { weakenings } from './weakenings.ts';

const VIEWS = 2;
const QUORUM = 3;
const HONEST = 3;
const LIARS = 1;

interface Block {
  readonly parent: Block | undefined;
  readonly final: boolean;
}

const chainOf = (block: Block): Block[] => [block, ...(block.parent === undefined ? [] : chainOf(block.parent))];

const forked = (blocks: readonly Block[]): boolean => {
  const final = blocks.filter((block) => block.final);
  return final.some((one) => final.some((other) => !chainOf(one).includes(other) && !chainOf(other).includes(one)));
};

/** Number of histories, and of forked ones. */
const enumerate = (weakening: Weakening): { readonly histories: bigint; readonly forks: number } => {
  const votes = assignments(votePlans(4, weakening), HONEST);
  const judge = new ParentJudge(4, VIEWS, weakening);
  let histories = 0n;
  let forks = 0;
  const extend = (blocks: readonly Block[], certificates: readonly number[]): void => {
    if (certificates.length === VIEWS) {
      histories += 1n;
      if (forked(blocks)) forks += 1;
      return;
    }
    const parents = [-1, ...blocks.keys()];
    const accepted = judge.parents(certificates);
    for (const pair of assignments(parents, 2)) {
      for (const plans of votes) {
        const enough = (bit: number): boolean => LIARS + plans.filter((plan) => (plan & bit) !== 0).length >= QUORUM;
        const notarized = pair.map((parent, slot) => accepted.includes(parent) && enough(1 << slot));
        const final = notarized.map((is, slot) => is && enough(4 << slot));
        const bits = [...notarized, ...final, enough(16)].reduce((sum, is, bit) => sum + (is ? 1 << bit : 0), 0);
        const added = pair.map((parent, slot): Block => ({ parent: blocks[parent], final: final[slot] ?? false }));
        extend([...blocks, ...added], [...certificates, bits]);
      }
    }
  };
  extend([], []);
  return { histories, forks };
};

describe('plain enumeration of two views agrees with the explorer', () => {
  const cases = [{ name: 'the rules', weakening: {} }, ...weakenings.filter(({ validators }) => validators === 4)];

  it.each(cases)('$name', ({ weakening }) => {
    const { histories, forks } = enumerate(weakening);
    expect(histories).toBe(sizeOf({ validators: 4, views: VIEWS, weakening }));
    const { finding, represented } = explore({ validators: 4, views: VIEWS, weakening, only: agreement });
    expect(finding !== undefined).toBe(forks > 0);
    if (finding === undefined) expect(represented).toBe(histories);
  });
});
