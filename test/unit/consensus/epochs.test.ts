/** Epochs, rule by rule: V7 and V8, the end of an epoch, R12, R14, and what survives a restart around them (D3, D4). */
import { describe, expect, it } from 'vitest';
import { encode } from '../../../protocol/codec.ts';
import type { BlockHash, Height, ValidatorIndex, Verified } from '../../../protocol/brand.ts';
import { height } from '../../../protocol/brand.ts';
import { configurationHash } from '../../../protocol/consensus/configuration.ts';
import {
  type Change,
  encodeChangeList,
  governanceBytes,
  type Readiness,
  readinessBytes,
} from '../../../protocol/consensus/governance.ts';
import { evaluateSystem } from '../../../protocol/consensus/reconfigure.ts';
import { systemTransactionCodec } from '../../../protocol/consensus/system.ts';
import { ZERO_HASH } from '../../../protocol/consensus/vote.ts';
import type { FinalPoint } from '../../../consensus/state.ts';
import type { CheckedBlock } from '../../../consensus/input.ts';
import {
  fakeAnchor,
  fakeGovernance,
  fakeSign,
  fakeValidator,
  fakeVerify,
  keyOf,
  MEMBER_KEY,
  SIM_CHAIN,
} from '../../sim/fake-crypto.ts';
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
  type TestBlock,
} from './harness.ts';

const anchor = anchorOf(4);
const { base } = anchor;

/** A word of readiness by the machine with a number. */
const readyAt = (machine: number, at: number, blockHash: BlockHash): Readiness => {
  const word = { validatorKey: keyOf(machine), height: height(at), blockHash };
  return { ...word, signature: fakeSign(readinessBytes(SIM_CHAIN, anchor.epoch, word), word.validatorKey) };
};

/** An encoded governance transaction. */
const governance = (
  changes: readonly Change[],
  options: { epoch?: number; expiry?: number; readiness?: Readiness[]; signed?: boolean } = {},
): Uint8Array => {
  const changeList = encodeChangeList({
    chainId: SIM_CHAIN,
    epoch: (options.epoch ?? 1) as typeof anchor.epoch,
    expiryHeight: (options.expiry ?? 1_000) as Height,
    changes,
  });
  const signature = fakeSign(governanceBytes(SIM_CHAIN, changeList), options.signed === false ? keyOf(1) : MEMBER_KEY);
  const transaction = { changeList, signatures: [{ member: 0, signature }], readiness: options.readiness ?? [] };
  return encode(systemTransactionCodec, { kind: 'governance', transaction });
};

const join = (machine: number): Change => ({ kind: 'addValidator', validator: fakeValidator(machine) });
const leave = (machine: number): Change => ({ kind: 'removeValidator', validatorKey: keyOf(machine) });
const swap = [leave(3), join(7)];
const swapNow = governance(swap, { readiness: [readyAt(7, 0, base.id)] });

const outcomeOf = (section: readonly Uint8Array[], place = { height: 1, timeMs: base.timeMs + 1 }, of = anchor) =>
  evaluateSystem(of, fakeGovernance, section, place, fakeVerify);

const nextOf = (section: readonly Uint8Array[]) => {
  const outcome = outcomeOf(section);
  if (outcome.verdict === 'invalid' || outcome.next === undefined) throw new Error('not a change');
  return outcome.next;
};
const nextHash = configurationHash(SIM_CHAIN, nextOf([swapNow]));

/** A closing block of view 1. */
const closing = blockOn(4, base, 1, { transactions: 0, system: [swapNow], change: { nextConfigHash: nextHash } });
const tailOn = (parent: TestBlock, view: number, change = {}): TestBlock =>
  blockOn(4, pointOf(parent), view, {
    transactions: 0,
    change: { kind: 'tail', height: parent.header.height, nextConfigHash: nextHash, ...change },
  });

describe('the configuration state machine', () => {
  it('adds, removes, rotates, sets parameters and observers', () => {
    expect(nextOf([swapNow]).validators.map(({ validatorKey }) => validatorKey)).toEqual([0, 1, 2, 7].map(keyOf));
    const observer = { name: 'watcher', peerId: 'peer-9', address: undefined };
    const { parameters } = anchor.configuration;
    const several = nextOf([
      governance([
        { kind: 'addObserver', observer },
        { kind: 'setParameters', parameters: { ...parameters, baseTimeoutMs: 777 } },
      ]),
    ]);
    expect(several).toMatchObject({ epoch: 2, observers: [observer], parameters: { baseTimeoutMs: 777 } });
  });

  it.each<[string, string, readonly Uint8Array[], { height: number; timeMs: number }?]>([
    ['bytes that are no transaction', 'SYSTEM_MALFORMED', [Uint8Array.of(1, 2)]],
    ['two change lists', 'SYSTEM_SEVERAL_CHANGE_LISTS', [swapNow, swapNow]],
    ['another epoch', 'GOVERNANCE_OTHER_EPOCH', [governance(swap, { epoch: 2 })]],
    [
      'an expired list',
      'GOVERNANCE_EXPIRED',
      [governance(swap, { expiry: 4 })],
      { height: 5, timeMs: base.timeMs + 9 },
    ],
    ['a foreign signature', 'GOVERNANCE_NOT_SIGNED', [governance(swap, { signed: false })]],
    ['a joiner without a word', 'GOVERNANCE_NOT_READY', [governance(swap)]],
    ['a word by another joiner', 'GOVERNANCE_NOT_READY', [governance(swap, { readiness: [readyAt(6, 0, base.id)] })]],
    ['a word of the future', 'GOVERNANCE_NOT_READY', [governance(swap, { readiness: [readyAt(7, 1, base.id)] })]],
    [
      'a stale word',
      'GOVERNANCE_NOT_READY',
      [governance(swap, { readiness: [readyAt(7, 1, base.id)] })],
      { height: 300, timeMs: base.timeMs + 9 },
    ],
    ['an unknown leaver', 'GOVERNANCE_UNKNOWN_VALIDATOR', [governance([leave(9)])]],
    ['too few validators', 'GOVERNANCE_BAD_CONFIGURATION', [governance([leave(3)])]],
    [
      'more than f at once',
      'GOVERNANCE_TOO_MANY_CHANGES',
      [
        governance([leave(2), leave(3), join(7), join(8)], {
          readiness: [readyAt(7, 0, base.id), readyAt(8, 0, base.id)],
        }),
      ],
    ],
    [
      'a validator that is one already',
      'GOVERNANCE_BAD_CONFIGURATION',
      [governance([join(3)], { readiness: [readyAt(3, 0, base.id)] })],
    ],
    ['an unknown observer', 'GOVERNANCE_UNKNOWN_OBSERVER', [governance([{ kind: 'removeObserver', peerId: 'x' }])]],
    [
      'a rotation without proof of the new key',
      'GOVERNANCE_BAD_PROOF',
      [governance([{ kind: 'rotateKey', validatorKey: keyOf(1), newKey: keyOf(9), proof: new Uint8Array(64) }])],
    ],
  ])('refuses %s: %s', (_case, fault, section, place) => {
    expect(outcomeOf(section, place)).toEqual({ verdict: 'invalid', fault });
  });

  it('lets an epoch live for its shortest time', () => {
    const young = fakeAnchor(4, { minEpochMs: 5_000 });
    const late = { height: 1, timeMs: base.timeMs + 5_000 };
    expect(outcomeOf([swapNow], { ...late, timeMs: late.timeMs - 1 }, young)).toMatchObject({
      fault: 'GOVERNANCE_EPOCH_TOO_YOUNG',
    });
    expect(outcomeOf([swapNow], late, young).verdict).toBe('valid');
  });
});

describe('closing blocks and tails', () => {
  it('V7 notarises a closing block, and none that names another configuration', () => {
    const rig = new Rig(4, followerAt(4, 1));
    rig.give(proposalEvent(closing));
    expect(rig.cast).toEqual(['notarize@1']);
    for (const [section, nextConfigHash] of [
      [[swapNow], 'ef'.repeat(32)],
      [[swapNow], ZERO_HASH],
      [[governance([leave(3)])], ZERO_HASH],
    ] as const) {
      const other = new Rig(4, followerAt(4, 1));
      const change = { nextConfigHash: nextConfigHash as typeof ZERO_HASH };
      other.give(proposalEvent(blockOn(4, base, 1, { transactions: 0, system: section, change })));
      expect(other.cast).toEqual(['nullify@1']);
    }
  });

  it('does not vote for a joiner that vouches for another chain', () => {
    const rig = new Rig(4, followerAt(4, 1));
    const foreign = governance(swap, { readiness: [readyAt(7, 0, 'ef'.repeat(32) as BlockHash)] });
    const change = { nextConfigHash: nextHash };
    rig.give(proposalEvent(blockOn(4, base, 1, { transactions: 0, system: [foreign], change })));
    rig.pass(100);
    expect(rig.cast).toEqual([]);
  });

  it('V8 after a closing block only tails are notarised', () => {
    const judgedAt2 = (block: TestBlock): string | undefined => {
      const rig = new Rig(4, followerAt(4, 2));
      rig.give(proposalEvent(closing));
      rig.certificate(certificate(4, 'notarize', 1, closing.id));
      rig.give(proposalEvent(block));
      return rig.cast.at(-1);
    };
    expect(judgedAt2(tailOn(closing, 2))).toBe('notarize@2');
    expect(judgedAt2(blockOn(4, pointOf(closing), 2))).toBe('nullify@2');
    expect(judgedAt2(tailOn(closing, 2, { height: height(2) }))).toBe('nullify@2');
    expect(judgedAt2(tailOn(closing, 2, { nextConfigHash: anchor.configHash }))).toBe('nullify@2');
  });

  it('a leader closes the epoch with what waits, leaves out what the rules do not permit, and adds a tail when needed', () => {
    const build = (system: readonly Uint8Array[]): TestBlock => {
      const rig = new Rig(4, leaderAt(4, 1));
      rig.give({ kind: 'mempool', pending: true });
      const summary = { txRoot: closing.header.txRoot, txCount: 0, bodyBytes: 0 };
      rig.give({
        kind: 'built',
        view: rig.core.current,
        parent: base.id,
        payload: { summary, system, stateCert: undefined },
      });
      return of(rig.effects, 'cast')[0]?.proposal as TestBlock;
    };
    expect(build([swapNow]).header).toMatchObject({ kind: 'normal', nextConfigHash: nextHash });
    expect(build([governance([leave(3)])])).toMatchObject({
      header: { kind: 'empty', nextConfigHash: ZERO_HASH },
      system: [],
    });
    const rig = new Rig(4, leaderAt(4, 2));
    rig.give(proposalEvent(closing));
    rig.certificate(certificate(4, 'notarize', 1, closing.id));
    rig.pass(400);
    expect(of(rig.effects, 'cast').at(-1)?.proposal?.header).toMatchObject({
      kind: 'tail',
      height: 1,
      nextConfigHash: nextHash,
    });
  });
});

describe('the end of an epoch', () => {
  const ended = (self = followerAt(4, 1)): Rig => {
    const rig = new Rig(4, self);
    rig.give(proposalEvent(closing));
    rig.certificate(certificate(4, 'notarize', 1, closing.id));
    rig.certificate(certificate(4, 'finalize', 1, closing.id));
    return rig;
  };

  it('comes with the closing block final: durable, delivered, announced, and no vote after', () => {
    const rig = ended();
    const [deliver] = of(rig.effects, 'deliver');
    expect(deliver?.blocks.map(({ id }) => id)).toEqual([closing.id]);
    expect(of(rig.effects, 'epochEnded').map(({ next }) => next.configHash)).toEqual([nextHash]);
    const kinds = rig.effects.map(({ kind }) => kind);
    expect(kinds.indexOf('deliver')).toBeLessThan(kinds.indexOf('epochEnded'));
    const persisted = of(rig.effects, 'persist').at(-1);
    expect(persisted).toMatchObject({ sync: true });
    expect(persisted?.records.map(({ kind }) => kind)).toContain('closing');
    const before = rig.cast.length;
    rig.give(proposalEvent(tailOn(closing, 2)));
    rig.pass(60_000);
    expect(rig.cast.length).toBe(before);
  });

  it('comes by a final tail, which is delivered as proof and not as a block', () => {
    const rig = new Rig(4, followerAt(4, 1));
    const tail = tailOn(closing, 2);
    rig.give(proposalEvent(closing));
    rig.give(proposalEvent(tail));
    rig.certificate(certificate(4, 'finalize', 2, tail.id));
    const [deliver] = of(rig.effects, 'deliver');
    expect(deliver).toMatchObject({ blocks: [{ id: closing.id }], following: [{ kind: 'tail' }] });
    expect(of(rig.effects, 'epochEnded')).toHaveLength(1);
  });

  it('R12 a proof by a peer is enough: the blocks up to it are fetched', () => {
    const rig = new Rig(4, followerAt(4, 1));
    const first = blockOn(4, base, 1, { transactions: 0 });
    const system = [governance(swap, { readiness: [readyAt(7, 1, first.id)] })];
    const late = blockOn(4, pointOf(first), 2, { transactions: 0, system, change: { nextConfigHash: nextHash } });
    rig.give({
      kind: 'closing',
      block: late as unknown as Verified<CheckedBlock>,
      following: [],
      finalization: certificate(4, 'finalize', 2, late.id),
      from: 0 as ValidatorIndex,
    });
    expect(of(rig.effects, 'request').map(({ request }) => request.kind)).toContain('getHeader');
    rig.give({
      kind: 'blocks',
      blocks: [{ ...first, body: 'present' } as never],
      finalization: undefined,
      from: 0 as ValidatorIndex,
    });
    expect(of(rig.effects, 'epochEnded')).toHaveLength(1);
  });

  it('R14 enters the next epoch as an event of its own, at view 1 on the closing block, with its own keys', () => {
    const rig = ended();
    rig.give({ kind: 'enterEpoch', self: 0 as ValidatorIndex });
    const { config, current, finalized } = rig.core;
    expect(config.anchor.configHash).toBe(nextHash);
    expect([current, finalized.id, finalized.height, finalized.view]).toEqual([1, closing.id, 1, 0]);
    const again = rig.core;
    rig.give({ kind: 'enterEpoch', self: 0 as ValidatorIndex });
    expect(rig.core).toBe(again);
  });

  it('waits with the announcement until every body is here', () => {
    const rig = new Rig(4, followerAt(4, 1));
    const full = blockOn(4, base, 1, { transactions: 2, system: [swapNow], change: { nextConfigHash: nextHash } });
    rig.give(proposalEvent(full, 'absent'));
    rig.certificate(certificate(4, 'finalize', 1, full.id));
    expect(of(rig.effects, 'epochEnded')).toHaveLength(0);
    rig.give({ kind: 'body', block: full.id, body: 'present' });
    expect(of(rig.effects, 'epochEnded')).toHaveLength(1);
  });

  it('D3 remembers its votes of the next epoch when it restarts in the old one', () => {
    const rig = ended();
    rig.give({ kind: 'enterEpoch', self: followerAt(4, 1) });
    rig.give({ kind: 'mempool', pending: true });
    rig.pass(1_200);
    const cast = of(rig.effects, 'cast').filter(({ vote }) => vote.epoch === 2);
    expect(cast.map(({ vote }) => vote.kind)).toEqual(['nullify']);
    // The ledger lost nothing but has not taken the closing block yet: everything comes from the log.
    const back = new Rig(4, followerAt(4, 1), { log: rig.log });
    expect(of(back.effects, 'epochEnded')).toHaveLength(1);
    back.give({ kind: 'enterEpoch', self: followerAt(4, 1) });
    expect(back.core.views.get(1)?.own).toMatchObject({ nullify: true });
    const again = of(back.effects, 'cast').filter(({ vote }) => vote.epoch === 2);
    expect(again).toMatchObject([{ vote: { kind: 'nullify', view: 1 }, audience: 'none' }]);
  });

  it('restarts on the next base when the ledger holds the closing block', () => {
    const rig = ended();
    const finalized: FinalPoint = {
      ...pointOf(closing),
      view: 0 as never,
      stateCert: undefined,
      finalization: undefined,
    };
    const back = new Rig(4, followerAt(4, 1), { log: rig.log, finalized });
    expect(back.core.current).toBeGreaterThan(0);
  });
});
