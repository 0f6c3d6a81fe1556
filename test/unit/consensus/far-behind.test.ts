/**
 * A validator that is far behind while the others go on: it votes with them, holds a bounded part of what they make, and
 * takes what lies in between by height, from below.
 */
import { describe, expect, it } from 'vitest';
import type { MemberIndex, Verified } from '../../../protocol/brand.ts';
import { MAX_BLOCKS_PER_RESPONSE } from '../../../protocol/consensus/request.ts';
import type { BodyState, CheckedBlock } from '../../../consensus/input.ts';
import { certificate, chainOf, followerAt, of, proposalEvent, Rig, type TestBlock, voteBy } from './harness.ts';

const FIRST_HEARD = 101;
const NEWEST = 400;
const self = followerAt(4, FIRST_HEARD);

const chain = chainOf(4, NEWEST);
const blockAt = (height: number): TestBlock => chain[height - 1] as TestBlock;

/** A core at genesis that hears what the others agree on from some height on. */
const hearing = (): { rig: Rig; held: number; headers: number } => {
  const rig = new Rig(4, self);
  let held = 0;
  let headers = 0;
  const ask = (effects: readonly { readonly kind: string }[]): void => {
    headers += of(effects as never, 'request').filter(({ request }) => request.kind === 'getHeader').length;
  };
  rig.certificate(certificate(4, 'notarize', FIRST_HEARD - 1, blockAt(FIRST_HEARD - 1).id));
  for (let height = FIRST_HEARD; height <= NEWEST; height += 1) {
    const { id, header } = blockAt(height);
    rig.wallMs = header.timeMs;
    ask(rig.give(proposalEvent(blockAt(height))));
    ask(rig.certificate(certificate(4, 'notarize', height, id)));
    ask(rig.certificate(certificate(4, 'finalize', height, id)));
    held = Math.max(held, rig.core.blocks.size, rig.core.finalizationViews.length, rig.core.notarizedViews.length);
  }
  return { rig, held, headers };
};

/** The answer of a peer to a question for blocks from a height on. */
const range = (from: number) => {
  const to = Math.min(from + MAX_BLOCKS_PER_RESPONSE - 1, NEWEST);
  const blocks = chain.slice(from - 1, to).map((block) => ({ ...block, body: 'present' }));
  return {
    kind: 'blocks' as const,
    blocks: blocks as unknown as (Verified<CheckedBlock> & { body: BodyState })[],
    finalization: certificate(4, 'finalize', to, blockAt(to).id),
    from: 1 as MemberIndex,
  };
};

describe('a validator that is far behind', () => {
  it('votes with the others, and holds a bounded part of what they make', () => {
    const { rig, held, headers } = hearing();
    expect(rig.cast).toContain(`finalize@${NEWEST}`);
    expect(rig.cast.filter((vote) => vote.startsWith('notarize')).length).toBeGreaterThan(200);
    expect(held).toBeLessThan(70);
    expect(rig.core.views.size).toBeLessThan(NEWEST);
    expect([...rig.core.views.values()].filter(({ finalization }) => finalization !== undefined).length).toBeLessThan(
      70,
    );
    // Backwards it would fetch, and hold, every header in between.
    expect(headers).toBeLessThan(10);
  });

  it('remembers its own votes of what it forgot', () => {
    const { rig } = hearing();
    const voted = rig.cast.find((vote) => vote.startsWith('notarize')) ?? '';
    const view = Number(voted.split('@')[1]);
    expect(view).toBeLessThan(NEWEST - 100);
    rig.giveAsIs({ kind: 'vote', vote: voteBy(self, 'notarize', view, blockAt(view).id), from: 2 as MemberIndex });
    expect(rig.core.halted).toBe(false);
    rig.giveAsIs({ kind: 'vote', vote: voteBy(self, 'notarize', view, blockAt(view + 1).id), from: 2 as MemberIndex });
    expect(rig.core.halted).toBe(true);
  });

  it('takes what lies in between from below, and joins the chain that it heard', () => {
    const { rig } = hearing();
    while (rig.core.finalized.height < NEWEST) {
      const before = rig.core.finalized.height;
      const next = before + 1;
      expect(rig.core.requests.has(`c${next}`)).toBe(true);
      rig.give(range(next));
      expect(rig.core.finalized.height).toBeGreaterThan(before);
    }
    const heights = of(rig.effects, 'deliver').flatMap(({ blocks }) =>
      blocks.map(({ header }) => header.height as number),
    );
    expect(heights).toEqual(chain.map(({ header }) => header.height));
  });
});
