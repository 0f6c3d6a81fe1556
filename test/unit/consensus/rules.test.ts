/** The rules of agreement, one by one: input, effects, next state. */
import { describe, expect, it } from 'vitest';
import { type BlockHash, height, type ValidatorIndex, type Verified } from '../../../protocol/brand.ts';
import type { CheckedBlock } from '../../../consensus/input.ts';
import type { BodyState } from '../../../consensus/input.ts';
import { ruleOf } from '../../../protocol/consensus/evidence.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../../protocol/consensus/body.ts';
import type { Status } from '../../../protocol/consensus/status.ts';
import { basePoint } from '../../../consensus/state.ts';
import { statusOf } from '../../../consensus/repair.ts';
import {
  anchorOf,
  blockOn,
  certificate,
  currentOf,
  followerAt,
  leaderAt,
  of,
  pointOf,
  proposalEvent,
  Rig,
  rigAt,
  type TestBlock,
  voteBy,
} from './harness.ts';

const base = anchorOf(4).base;
const follower = followerAt(4, 1);
const hash = 'ab'.repeat(32) as BlockHash;
const emptyPayload = {
  system: [],
  summary: { txRoot: EMPTY_TRANSACTION_ROOT, txCount: 0, bodyBytes: 0 },
  stateCert: undefined,
};
const asAnswer = (block: TestBlock, body: BodyState = 'present') =>
  ({ ...block, body }) as unknown as Verified<CheckedBlock> & { readonly body: BodyState };

describe('R1 certificates', () => {
  it('forms one from q distinct votes, records it before relaying it, once', () => {
    const rig = new Rig(4, leaderAt(4, 3));
    const effects = rig.votes(rig.others, 'nullify', 1);
    const relays = of(rig.effects, 'relay').filter(({ certificate: held }) => held.view === 1);
    expect(relays).toHaveLength(1);
    expect(of(effects, 'persist')[0]?.records.map((record) => record.kind)).toContain('vote');
    expect(rig.log.filter((record) => record.kind === 'certificate')).toHaveLength(1);
  });

  it('are relayed by the leaders of three later views, not by the next one, which proposes, and not when long past', () => {
    const relays = (self: number, view: number): number =>
      of(new Rig(10, self).certificate(certificate(10, 'nullify', view)), 'relay').length;
    const relaying = Array.from({ length: 10 }, (_, self) => self).filter((self) => relays(self, 5) > 0);
    expect(new Set(relaying)).toEqual(new Set([7, 8, 9].map((view) => leaderAt(10, view))));
    const late = new Rig(10, leaderAt(10, 7));
    late.certificate(certificate(10, 'nullify', 5 + 20));
    expect(of(late.certificate(certificate(10, 'nullify', 5)), 'relay')).toEqual([]);
  });

  it('does not count one signer twice', () => {
    const rig = new Rig(4, follower);
    const [other] = rig.others;
    rig.votes([other ?? 0, other ?? 0, other ?? 0], 'nullify', 1);
    expect(currentOf(rig)).toBe(1);
  });

  it('accepts a certificate of any later view', () => {
    const rig = rigAt();
    rig.certificate(certificate(4, 'nullify', 900));
    expect(currentOf(rig)).toBe(901);
  });

  it('keeps no votes beyond the window: memory is bounded under flooding', () => {
    const rig = rigAt();
    for (let view = 1; view < 2_000; view += 1) rig.votes([rig.others[0] ?? 0], 'notarize', view, hash);
    expect(rig.core.views.size).toBeLessThan(12);
  });

  it('stops voting when two certificates contradict each other', () => {
    const rig = rigAt();
    rig.certificate(certificate(4, 'nullify', 1));
    expect(of(rig.certificate(certificate(4, 'finalize', 1, hash)), 'halt')[0]?.code).toBe('FORK_DETECTED');
  });
});

describe('R3 propose', () => {
  const leader = leaderAt(4, 1);

  it('asks for a payload only with work, then signs, records and sends the block in this order', () => {
    const rig = new Rig(4, leader);
    expect(of(rig.effects, 'build')).toHaveLength(0);
    const [build] = of(rig.give({ kind: 'mempool', pending: true }), 'build');
    expect(build?.parent).toBe(base.id);
    const summary = { txRoot: hash, txCount: 2, bodyBytes: 1024 };
    const effects = rig.give({
      kind: 'built',
      view: rig.core.current,
      parent: base.id,
      payload: { system: [], summary, stateCert: undefined },
    });
    expect(effects[0]).toMatchObject({ kind: 'persist', sync: true });
    expect(of(effects, 'persist')[0]?.records.map((record) => record.kind)).toEqual(['block', 'vote']);
    expect(of(effects, 'cast')[0]?.proposal?.header).toMatchObject({
      kind: 'normal',
      height: 1,
      txCount: 2,
      parentView: 0,
    });
  });

  it('carries a nullification for every skipped view and the parent certificate', () => {
    const view = [3, 4, 5, 6].find((candidate) => leaderAt(4, candidate) === leader) ?? 0;
    const rig = new Rig(4, leader);
    const parent = blockOn(4, base, 1);
    rig.give(proposalEvent(parent));
    rig.certificate(certificate(4, 'notarize', 1, parent.id));
    for (let skipped = 2; skipped < view; skipped += 1) rig.certificate(certificate(4, 'nullify', skipped));
    rig.give({ kind: 'mempool', pending: true });
    rig.pass(100);
    const effects = rig.give({ kind: 'built', view: rig.core.current, parent: parent.id, payload: emptyPayload });
    const block = of(effects, 'cast')[0]?.proposal;
    expect(block?.justification.parent?.hash).toBe(parent.id);
    expect(block?.justification.nullifications.map((held) => held.view)).toEqual(
      Array.from({ length: view - 2 }, (_, i) => i + 2),
    );
  });

  it('does not propose over a gap that it cannot justify', () => {
    const view = [3, 4, 5, 6].find((candidate) => leaderAt(4, candidate) === leader) ?? 0;
    const rig = new Rig(4, leader);
    rig.certificate(certificate(4, 'nullify', view - 1));
    rig.give({ kind: 'mempool', pending: true });
    expect(currentOf(rig)).toBe(view);
    expect(of(rig.effects, 'build')).toHaveLength(0);
  });

  it('gives the view up at once when building fails', () => {
    const rig = new Rig(4, leader);
    rig.give({ kind: 'mempool', pending: true });
    rig.give({ kind: 'built', view: rig.core.current, parent: base.id, payload: undefined });
    expect(rig.cast).toEqual(['nullify@1']);
  });

  it('asks for an empty block when execution lags too far (V10)', () => {
    const finalized = { ...basePoint(anchorOf(4)), height: height(8) };
    const rig = new Rig(4, leader, { finalized, parameters: { maxStateLagBlocks: 8 } });
    rig.give({ kind: 'mempool', pending: true });
    const summary = { txRoot: hash, txCount: 2, bodyBytes: 1024 };
    const effects = rig.give({
      kind: 'built',
      view: rig.core.current,
      parent: base.id,
      payload: { system: [], summary, stateCert: undefined },
    });
    expect(of(effects, 'build')[0]?.payload).toBe('empty');
    rig.give({ kind: 'built', view: rig.core.current, parent: base.id, payload: emptyPayload });
    expect(rig.cast).toEqual(['notarize@1']);
  });
});

describe('R4 and R5 proposals', () => {
  it('notarises a valid block, recording the block before the vote', () => {
    const rig = rigAt();
    const effects = rig.give(proposalEvent(blockOn(4, base, 1)));
    expect(of(effects, 'persist')[0]?.records.map((record) => record.kind)).toEqual(['block', 'vote']);
    expect(rig.cast).toEqual(['notarize@1']);
  });

  it('enters the view through the certificates of the justification alone', () => {
    const rig = rigAt(3);
    const parent = blockOn(4, base, 2);
    rig.give(proposalEvent(blockOn(4, pointOf(parent), 3)));
    expect(currentOf(rig)).toBe(3);
    expect(of(rig.effects, 'request')[0]?.request).toEqual({ kind: 'getHeader', block: parent.id });
    rig.give({ kind: 'blocks', blocks: [asAnswer(parent)], finalization: undefined, from: 0 as ValidatorIndex });
    expect(rig.cast).toContain('notarize@3');
  });

  it('waits for the whole body and does not nullify early', () => {
    const rig = rigAt();
    const block = blockOn(4, base, 1);
    rig.give(proposalEvent(block, 'absent'));
    expect(rig.cast).toEqual([]);
    rig.give({ kind: 'body', block: block.id, body: 'present' });
    expect(rig.cast).toEqual(['notarize@1']);
  });

  it('asks another validator when the proposer withholds the body', () => {
    const rig = rigAt();
    rig.give(proposalEvent(blockOn(4, base, 1), 'absent'));
    const asked = of(rig.pass(990), 'request').map(({ to }) => to);
    expect(new Set(asked).size).toBeGreaterThan(0);
    expect(asked).not.toContain(rig.self);
  });

  it('nullifies on an equivocating leader and keeps evidence E1', () => {
    const rig = rigAt();
    rig.give(proposalEvent(blockOn(4, base, 1), 'absent'));
    const effects = rig.give(proposalEvent(blockOn(4, base, 1, { transactions: 2 }), 'absent'));
    expect(of(effects, 'evidence').map(({ evidence }) => ruleOf(evidence))).toEqual(['E1']);
    expect(rig.cast).toEqual(['nullify@1']);
  });

  it('notarises although it nullified, but never finalises then', () => {
    const rig = rigAt();
    const block = blockOn(4, base, 1);
    rig.votes([leaderAt(4, 1)], 'nullify', 1);
    rig.give(proposalEvent(block));
    rig.certificate(certificate(4, 'notarize', 1, block.id));
    expect(rig.cast).toEqual(['nullify@1', 'notarize@1']);
  });
});

describe('R6 and R7 finality', () => {
  it('finalises a notarised block, the certificate recorded before the vote (D2), body or not', () => {
    const rig = rigAt();
    const block = blockOn(4, base, 1);
    const effects = rig.certificate(certificate(4, 'notarize', 1, block.id));
    expect(of(effects, 'persist')[0]?.records.map((record) => record.kind)).toEqual(['certificate', 'vote']);
    expect(rig.cast).toEqual(['finalize@1']);
  });

  it('never finalises another block than the one it notarised', () => {
    const rig = rigAt();
    rig.give(proposalEvent(blockOn(4, base, 1)));
    rig.certificate(certificate(4, 'notarize', 1, hash));
    expect(rig.cast).toEqual(['notarize@1']);
  });

  it('delivers ancestors first, in height order, when all bodies are there', () => {
    const rig = rigAt();
    const first = blockOn(4, base, 1);
    const second = blockOn(4, pointOf(first), 2);
    rig.give(proposalEvent(first));
    rig.give(proposalEvent(second, 'absent'));
    expect(of(rig.certificate(certificate(4, 'finalize', 2, second.id)), 'deliver')).toHaveLength(0);
    const [delivery] = of(rig.give({ kind: 'body', block: second.id, body: 'present' }), 'deliver');
    expect(delivery?.blocks.map(({ header }) => header.height)).toEqual([1, 2]);
    expect(delivery?.finalization.hash).toBe(second.id);
    expect(rig.core.views.size).toBeLessThanOrEqual(1);
  });

  it('catches up from a verified certificate, asking for the chain', () => {
    const rig = rigAt();
    const blocks: TestBlock[] = [];
    for (let view = 1; view <= 5; view += 1)
      blocks.push(blockOn(4, blocks.at(-1) === undefined ? base : pointOf(blocks.at(-1) as TestBlock), view));
    const last = blocks.at(-1) as TestBlock;
    const effects = rig.certificate(certificate(4, 'finalize', 5, last.id));
    expect(
      of(effects, 'request')
        .map(({ request }) => request.kind)
        .sort(),
    ).toEqual(['getBlocks', 'getHeader']);
    const answer = rig.give({
      kind: 'blocks',
      blocks: blocks.map((block) => asAnswer(block)),
      finalization: undefined,
      from: 0 as ValidatorIndex,
    });
    expect(of(answer, 'deliver')[0]?.blocks).toHaveLength(5);
  });

  it('takes no block that no certificate leads to: a lying peer cannot fill memory', () => {
    const rig = rigAt();
    const stray = [1, 2, 3].map((view) => asAnswer(blockOn(4, base, view)));
    rig.give({ kind: 'blocks', blocks: stray, finalization: undefined, from: 0 as ValidatorIndex });
    expect(rig.core.blocks.size).toBe(0);
  });

  it('returns the transactions of an abandoned block', () => {
    const rig = rigAt();
    const abandoned = blockOn(4, base, 1);
    const winner = blockOn(4, base, 2);
    rig.give(proposalEvent(abandoned));
    rig.give(proposalEvent(winner));
    const effects = rig.certificate(certificate(4, 'finalize', 2, winner.id));
    expect(of(effects, 'discard').map(({ block }) => block)).toEqual([abandoned.id]);
  });
});

describe('R11 repair', () => {
  const peer = (rig: Rig): ValidatorIndex => rig.others[0] as ValidatorIndex;
  const bare = (rig: Rig): Verified<Status> =>
    ({ ...statusOf(new Rig(4, rig.others[0] ?? 0).core), votes: [] }) as unknown as Verified<Status>;

  it('sends a straggler what it lacks, at most once a repair interval', () => {
    const rig = rigAt();
    rig.certificate(certificate(4, 'nullify', 1));
    rig.certificate(certificate(4, 'notarize', 2, hash));
    const first = rig.give({ kind: 'status', status: bare(rig), from: peer(rig) });
    expect(of(first, 'sendCertificate').map(({ certificate: held }) => `${held.kind}@${held.view}`)).toEqual([
      'notarize@2',
      'nullify@1',
    ]);
    expect(of(rig.give({ kind: 'status', status: bare(rig), from: peer(rig) }), 'sendCertificate')).toHaveLength(0);
    rig.nowMs += 600;
    expect(of(rig.give({ kind: 'status', status: bare(rig), from: peer(rig) }), 'sendCertificate')).toHaveLength(2);
  });

  it('heals half notarised, half nullified (commonware #2695): both certificates are accepted and passed on', () => {
    const rig = rigAt();
    rig.certificate(certificate(4, 'notarize', 1, hash));
    rig.certificate(certificate(4, 'nullify', 1));
    const effects = rig.give({ kind: 'status', status: bare(rig), from: peer(rig) });
    expect(
      of(effects, 'sendCertificate')
        .map(({ certificate: held }) => held.kind)
        .sort(),
    ).toEqual(['notarize', 'nullify']);
  });

  it('repeats stored bytes only: the same vote, never a new one (ava-labs #280)', () => {
    const rig = rigAt();
    rig.give(proposalEvent(blockOn(4, base, 1)));
    const before = rig.log.length;
    const statuses = of(rig.pass(800), 'broadcastStatus');
    expect(statuses.length).toBeGreaterThan(0);
    expect(statuses[0]?.status.votes).toEqual([voteBy(rig.self, 'notarize', 1, blockOn(4, base, 1).id)]);
    expect(rig.log.length).toBe(before);
  });

  it('repeats the own proposal to a peer that has not voted', () => {
    const rig = new Rig(4, leaderAt(4, 1));
    rig.give({ kind: 'mempool', pending: true });
    rig.give({ kind: 'built', view: rig.core.current, parent: base.id, payload: emptyPayload });
    expect(of(rig.give({ kind: 'status', status: bare(rig), from: peer(rig) }), 'sendProposal')).toHaveLength(1);
  });
});

describe('R13 restart', () => {
  it('tallies own votes again (commonware #4275): three nullified, all crashed, all go on', () => {
    const before = rigAt();
    before.give({ kind: 'mempool', pending: true });
    before.pass(1_200);
    const after = new Rig(4, before.self, { log: before.log });
    expect(of(after.effects, 'cast').map(({ vote, audience }) => [vote.kind, audience])).toEqual([['nullify', 'none']]);
    after.votes(after.others.slice(0, 2), 'nullify', 1);
    expect(currentOf(after)).toBe(2);
  });

  it('never votes twice: the log guards every view', () => {
    const before = rigAt();
    before.give(proposalEvent(blockOn(4, base, 1)));
    const after = new Rig(4, before.self, { log: before.log });
    after.give(proposalEvent(blockOn(4, base, 1, { transactions: 3 })));
    expect(after.cast.filter((vote) => vote === 'notarize@1')).toHaveLength(1);
    expect(of(after.effects, 'cast')[0]).toMatchObject({ audience: 'none', vote: { hash: blockOn(4, base, 1).id } });
  });

  it('casts nothing at or below a finalised view of the log, even when the ledger is older', () => {
    const rig = new Rig(4, follower, {
      log: [{ kind: 'finalized', epoch: anchorOf(4).epoch, view: 1 as never, height: 1 as never, block: hash }],
    });
    rig.give(proposalEvent(blockOn(4, base, 1)));
    expect(of(rig.pass(10_000), 'wake').length).toBeLessThan(100);
    expect(rig.cast).toEqual([]);
  });

  it('goes on from a ledger that was cut in the middle of a delivery', () => {
    const first = blockOn(4, base, 1);
    const second = blockOn(4, pointOf(first), 2);
    const finalized = {
      ...pointOf(first),
      stateCert: undefined,
      finalization: certificate(4, 'finalize', 2, second.id),
    };
    const rig = new Rig(4, followerAt(4, 3), { finalized });
    expect(currentOf(rig)).toBe(3);
    expect(of(rig.effects, 'request').map(({ request }) => request.kind)).toContain('getHeader');
    const answer = rig.give({
      kind: 'blocks',
      blocks: [asAnswer(second)],
      finalization: undefined,
      from: 0 as ValidatorIndex,
    });
    expect(of(answer, 'deliver')[0]?.blocks.map(({ id }) => id)).toEqual([second.id]);
  });
});
