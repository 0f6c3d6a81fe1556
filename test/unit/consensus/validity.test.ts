/** V1–V11: a broken rule makes the validator skip the view; what cannot be judged yet is waited for. */
import { describe, expect, it } from 'vitest';
import type { ChainId, Hash, StateRoot, ValidatorIndex } from '../../../protocol/brand.ts';
import { height } from '../../../protocol/brand.ts';
import type { Header } from '../../../protocol/consensus/header.ts';
import { GENESIS_MS } from '../../sim/fake-crypto.ts';
import {
  anchorOf,
  blockOn,
  certificate,
  followerAt,
  of,
  pointOf,
  proposalEvent,
  Rig,
  type TestBlock,
} from './harness.ts';

const base = anchorOf(4).base;
const other = 'ef'.repeat(32) as Hash;
const reference = (at: number) => ({ height: height(at), root: other as StateRoot, certHash: other });

const judgedAt1 = (change: Partial<Header>, transactions = 1): string[] => {
  const rig = new Rig(4, followerAt(4, 1));
  rig.give(proposalEvent(blockOn(4, base, 1, { transactions, change })));
  return rig.cast;
};

describe('rules of the header', () => {
  const broken: [string, Partial<Header>, number?][] = [
    ['V1 version', { version: 2 }],
    ['V1 chain', { chainId: other as unknown as ChainId }],
    ['V1 configuration', { configHash: other }],
    ['V2 height', { height: height(2) }],
    ['V3 V4 parent hash', { parentHash: other as never }],
    ['V5 time not after the parent', { timeMs: GENESIS_MS }],
    ['V6 too many transactions', { txCount: 4097 }],
    ['V6 body too large', { bodyBytes: 1024 * 1024 + 1 }],
    ['V7 next configuration without a section', { nextConfigHash: other }],
    ['V8 tail without a closing block', { kind: 'tail', nextConfigHash: other }, 0],
    ['V9 state certificate of the future', { stateCert: reference(1) }],
    ['V11 empty block with transactions', { kind: 'empty' }],
    ['V11 normal block without', { kind: 'normal' }, 0],
    ['V11 empty block with a foreign root', { txRoot: other }, 0],
  ];

  it.each(broken)('%s', (_rule, change, transactions) => {
    expect(judgedAt1(change, transactions)).toEqual(['nullify@1']);
  });

  it('a block that keeps all of them is notarised', () => {
    expect(judgedAt1({})).toEqual(['notarize@1']);
    expect(judgedAt1({}, 0)).toEqual(['notarize@1']);
  });

  it('V1 a proposal by another validator than the leader is not looked at', () => {
    expect(judgedAt1({ proposer: followerAt(4, 1) })).toEqual([]);
  });

  it('V5 a block of the future waits for its time', () => {
    const rig = new Rig(4, followerAt(4, 1));
    rig.give(proposalEvent(blockOn(4, base, 1, { change: { timeMs: rig.wallMs + 900 } })));
    expect(rig.cast).toEqual([]);
    rig.pass(450);
    expect(rig.cast).toEqual(['notarize@1']);
  });

  it('V5 a block of the least time that its parent allows does not wait, where all clocks were put back', () => {
    const judged = (afterParentMs: number): readonly string[] => {
      const rig = new Rig(4, followerAt(4, 2));
      const ahead = blockOn(4, base, 1, { change: { timeMs: rig.wallMs + 600_000 } });
      rig.give(proposalEvent(ahead));
      rig.certificate(certificate(4, 'notarize', 1, ahead.id));
      rig.give(
        proposalEvent(blockOn(4, pointOf(ahead), 2, { change: { timeMs: ahead.header.timeMs + afterParentMs } })),
      );
      return rig.cast;
    };
    expect(judged(1)).toContain('notarize@2');
    expect(judged(2)).not.toContain('notarize@2');
  });

  it('V5 a block of the distant past never gets our vote', () => {
    const rig = new Rig(4, followerAt(4, 1));
    rig.wallMs += 60_000;
    rig.give(proposalEvent(blockOn(4, base, 1)));
    expect(rig.cast).toEqual([]);
    rig.pass(1_100);
    expect(rig.cast).toEqual(['nullify@1']);
  });

  it('V6 a body that breaks the rules ends the view', () => {
    const rig = new Rig(4, followerAt(4, 1));
    rig.give(proposalEvent(blockOn(4, base, 1), 'invalid'));
    expect(rig.cast).toEqual(['nullify@1']);
  });
});

describe('V3 and V4: justification', () => {
  const parent = blockOn(4, base, 1);
  const rigOn = (view: number): Rig => {
    const rig = new Rig(4, followerAt(4, view));
    rig.give(proposalEvent(parent));
    rig.certificate(certificate(4, 'notarize', 1, parent.id));
    return rig;
  };
  const castAt = (block: TestBlock, sound = true): string[] => {
    const rig = rigOn(block.header.view);
    rig.give(proposalEvent(block, 'present', sound));
    return rig.cast.filter((vote) => vote.endsWith(`@${block.header.view}`));
  };

  it('skipping a view needs its nullification', () => {
    const justified = blockOn(4, pointOf(parent), 3);
    expect(castAt(justified)).toEqual(['notarize@3']);
    const rig = rigOn(3);
    rig.certificate(certificate(4, 'nullify', 2));
    rig.give(
      proposalEvent(
        blockOn(4, pointOf(parent), 3, { justification: { ...justified.justification, nullifications: [] } }),
      ),
    );
    expect(rig.cast).toContain('nullify@3');
    expect(rig.cast).not.toContain('notarize@3');
  });

  it('the parent certificate must name the parent', () => {
    const justification = { parent: certificate(4, 'notarize', 1, other as never), nullifications: [] };
    const rig = new Rig(4, followerAt(4, 2));
    rig.certificate(certificate(4, 'nullify', 1));
    rig.give(proposalEvent(blockOn(4, pointOf(parent), 2, { justification }), 'present', false));
    expect(rig.cast).toContain('nullify@2');
  });

  it('a leader that signs an invalid certificate has signed an invalid block', () => {
    expect(castAt(blockOn(4, pointOf(parent), 2), false)).toEqual(['nullify@2']);
  });

  it('nothing is built on the base once a block above it is needed', () => {
    const rig = rigOn(2);
    const justification = { parent: undefined, nullifications: [] };
    rig.give(proposalEvent(blockOn(4, base, 2, { justification })));
    expect(rig.cast).toContain('nullify@2');
  });
});

describe('V9 and V10: state certificates', () => {
  const strict = { maxStateLagBlocks: 8 };
  const { configHash } = anchorOf(4, strict);
  const chain = (count: number): TestBlock[] => {
    const blocks: TestBlock[] = [];
    for (let view = 1; view <= count; view += 1) {
      const below = blocks.at(-1);
      const parent = below === undefined ? base : pointOf(below);
      blocks.push(blockOn(4, parent, view, { transactions: 0, change: { configHash } }));
    }
    return blocks;
  };
  const rigAfter = (count: number): { rig: Rig; tip: TestBlock } => {
    const rig = new Rig(4, followerAt(4, count + 1), { parameters: strict });
    const blocks = chain(count);
    for (const block of blocks) rig.give(proposalEvent(block));
    const tip = blocks.at(-1) as TestBlock;
    rig.certificate(certificate(4, 'finalize', count, tip.id));
    return { rig, tip };
  };

  it('V9 an unknown certificate is asked for, then accepted or held against the leader', () => {
    for (const verdict of ['valid', 'invalid'] as const) {
      const { rig, tip } = rigAfter(3);
      const effects = rig.give(
        proposalEvent(blockOn(4, pointOf(tip), 4, { change: { configHash, stateCert: reference(2) } })),
      );
      expect(of(effects, 'needResultCertificate')[0]?.certHash).toBe(other);
      const fact = { kind: 'resultCertificate', certHash: other } as const;
      rig.give(
        verdict === 'valid' ? { ...fact, verdict, height: height(2), root: other as StateRoot } : { ...fact, verdict },
      );
      expect(rig.cast.at(-1)).toBe(verdict === 'valid' ? 'notarize@4' : 'nullify@4');
    }
  });

  it('V9 a certificate of another height or root than claimed is refused', () => {
    const { rig, tip } = rigAfter(3);
    rig.give({
      kind: 'resultCertificate',
      certHash: other,
      verdict: 'valid',
      height: height(1),
      root: other as StateRoot,
    });
    rig.give(proposalEvent(blockOn(4, pointOf(tip), 4, { change: { configHash, stateCert: reference(2) } })));
    expect(rig.cast.at(-1)).toBe('nullify@4');
  });

  it('V10 a payload needs execution to keep up, an empty block does not', () => {
    const late = rigAfter(8);
    late.rig.give(proposalEvent(blockOn(4, pointOf(late.tip), 9, { change: { configHash } })));
    expect(late.rig.cast.at(-1)).toBe('nullify@9');
    const empty = rigAfter(8);
    empty.rig.give(proposalEvent(blockOn(4, pointOf(empty.tip), 9, { transactions: 0, change: { configHash } })));
    expect(empty.rig.cast.at(-1)).toBe('notarize@9');
  });
});

it('asks a validator, never itself, for what is missing', () => {
  const rig = new Rig(4, followerAt(4, 2));
  rig.give(proposalEvent(blockOn(4, pointOf(blockOn(4, base, 1)), 2)));
  for (const { to } of of(rig.pass(3_000), 'request')) expect(to as ValidatorIndex).not.toBe(rig.self);
});
