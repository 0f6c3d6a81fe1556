/**
 * Every loss of all power in one view (consensus design §2.8): under the rules as they are no crash state is dead; each
 * planted change of durability or recovery leads where the design says.
 */
import { describe, expect, it } from 'vitest';
import { exploreCrashes, OCCASIONS } from './crash-space.ts';
import { crashWeakenings } from './crash-weakenings.ts';

describe('loss of all power in one view', () => {
  it('leaves 140 states by votes, none of them dead, and no property is broken', () => {
    const space = exploreCrashes(OCCASIONS);
    expect(space.example).toBeUndefined();
    expect(space).toMatchObject({ states: 1580, voteStates: 140, deadStates: 0, violations: 0 });
    expect(space.worstRecoveryMs).toBeLessThan(6 * 1_000);
  });

  it.each(crashWeakenings)('$name leads to $leadsTo', ({ weakening, leadsTo, deadVoteStates }) => {
    const all = leadsTo === 'nothing' || deadVoteStates !== undefined;
    const space = exploreCrashes(OCCASIONS, weakening, all ? 'all' : 'first');
    expect(space.deadStates > 0).toBe(leadsTo === 'dead');
    expect(space.violations > 0).toBe(leadsTo === 'violation');
    if (deadVoteStates !== undefined) expect(space).toMatchObject({ voteStates: 140, deadVoteStates });
  });
});
