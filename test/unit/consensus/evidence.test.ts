/** Evidence: what no honest validator signs is found, kept once, and never held against what is legal. */
import { describe, expect, it } from 'vitest';
import type { BlockHash, ValidatorIndex } from '../../../protocol/brand.ts';
import { evidenceHolds, ruleOf } from '../../../protocol/consensus/evidence.ts';
import { fakeVerify } from '../../sim/fake-crypto.ts';
import {
  anchorOf,
  blockOn,
  certificate,
  followerAt,
  leaderAt,
  of,
  pointOf,
  proposalEvent,
  Rig,
  rigAt,
  voteBy,
} from './harness.ts';

const { base } = anchorOf(4);
const hash = 'ab'.repeat(32) as BlockHash;

describe('evidence', () => {
  const pairs = [
    ['E2', voteBy(0, 'finalize', 1, hash), voteBy(0, 'finalize', 1, 'cd'.repeat(32) as BlockHash)],
    ['E3', voteBy(0, 'nullify', 1), voteBy(0, 'finalize', 1, hash)],
    ['E4', voteBy(0, 'notarize', 1, hash), voteBy(0, 'finalize', 1, 'cd'.repeat(32) as BlockHash)],
  ] as const;

  it.each(pairs)('%s is found, recorded and reported once', (rule, first, second) => {
    const rig = new Rig(4, 1);
    rig.give({ kind: 'vote', vote: first, from: 0 as ValidatorIndex });
    const effects = rig.give({ kind: 'vote', vote: second, from: 0 as ValidatorIndex });
    expect(of(effects, 'evidence').map(({ evidence }) => ruleOf(evidence))).toEqual([rule]);
    expect(rig.log.filter((record) => record.kind === 'evidence')).toHaveLength(1);
    expect(of(rig.give({ kind: 'vote', vote: second, from: 0 as ValidatorIndex }), 'evidence')).toHaveLength(0);
  });

  it('NOTARIZE with NULLIFY is legal', () => {
    const rig = new Rig(4, 1);
    rig.votes([0], 'notarize', 1, hash);
    expect(of(rig.votes([0], 'nullify', 1), 'evidence')).toHaveLength(0);
  });

  it('stops when the own key votes elsewhere', () => {
    const rig = rigAt();
    expect(of(rig.votes([rig.self], 'notarize', 1, hash), 'halt')[0]?.code).toBe('KEY_USED_TWICE');
    rig.give(proposalEvent(blockOn(4, base, 1)));
    expect(rig.cast).toEqual([]);
  });

  it('E5 accuses whoever notarised a block that breaks an objective rule', () => {
    const rig = new Rig(4, followerAt(4, 2));
    const unjustified = blockOn(4, base, 2, { justification: { parent: undefined, nullifications: [] } });
    rig.certificate(certificate(4, 'nullify', 1));
    rig.give(proposalEvent(unjustified));
    rig.votes([(leaderAt(4, 2) + 2) % 4], 'notarize', 2, unjustified.id);
    const found = of(rig.effects, 'evidence').map(({ evidence }) => evidence);
    expect(found.map(ruleOf)).toContain('E5');
    expect(rig.cast).toContain('nullify@2');
  });

  it('E5 holds nothing against an honest vote when somebody hands in another justification or parent', () => {
    const first = blockOn(4, base, 1);
    const { id, header, justification } = blockOn(4, pointOf(first), 3);
    const vote = voteBy(0, 'notarize', 3, id);
    const accusation = { kind: 'block', vote, header, justification, parent: first.header } as const;
    const others = [
      { parent: undefined, nullifications: [] },
      { ...justification, nullifications: [] },
      { ...justification, parent: certificate(4, 'notarize', 1, hash) },
      { ...justification, nullifications: [{ ...certificate(4, 'nullify', 2), signatures: new Uint8Array(192) }] },
    ];
    expect(evidenceHolds(accusation, anchorOf(4), fakeVerify)).toBe(false);
    for (const other of others)
      expect(evidenceHolds({ ...accusation, justification: other }, anchorOf(4), fakeVerify)).toBe(false);
    const parent = { ...first.header, timeMs: header.timeMs };
    expect(evidenceHolds({ ...accusation, parent }, anchorOf(4), fakeVerify)).toBe(false);
  });
});
