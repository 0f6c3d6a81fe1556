/**
 * Long outages (docs/adr/0019): a block that skips more views than its justification may nullify counts where the other
 * nullifications are held; what is missing is pulled, and everything that travels or rests stays small.
 */
import { describe, expect, it } from 'vitest';
import type { Verified } from '../../../protocol/brand.ts';
import { encode } from '../../../protocol/codec.ts';
import type { Certificate } from '../../../protocol/consensus/certificate.ts';
import { justificationRoot, MAX_NULLIFICATIONS, unattachedViews } from '../../../protocol/consensus/justification.ts';
import { consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { MAX_VIEWS_PER_RESPONSE } from '../../../protocol/consensus/request.ts';
import type { Status } from '../../../protocol/consensus/status.ts';
import { MAX_SYSTEM_TRANSACTIONS } from '../../../protocol/limits.ts';
import { systemSectionCodec, systemTransactionCodec } from '../../../protocol/consensus/system.ts';
import { walRecordCodec } from '../../../protocol/consensus/wal-record.ts';
import { REMEMBERED_VIEWS } from '../../../consensus/constants.ts';
import type { Effect } from '../../../consensus/effect.ts';
import { statusOf } from '../../../consensus/repair.ts';
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
  voteBy,
} from './harness.ts';

const base = (validators: number) => anchorOf(validators).base;

/** A block right above the base, after all views up to `skipped` were nullified. */
const blockAfter = (validators: number, skipped: number): TestBlock => {
  const first = skipped - MAX_NULLIFICATIONS + 1;
  const nullifications = Array.from({ length: MAX_NULLIFICATIONS }, (_, i) =>
    certificate(validators, 'nullify', first + i),
  );
  return blockOn(validators, base(validators), skipped + 1, { justification: { parent: undefined, nullifications } });
};

/** Other nullifications than those that a block carries: any of them will do. */
const nullified = (validators: number, from: number, to: number): Verified<Certificate>[] =>
  Array.from({ length: to - from + 1 }, (_, i) => certificate(validators, 'nullify', from + i, undefined, 0));

const asked = (effects: readonly Effect[]) =>
  of(effects, 'request').flatMap(({ to, request }) =>
    request.kind === 'getCertificates' ? [{ ...request, peer: to }] : [],
  );

const answer = (rig: Rig, certificates: readonly Certificate[]): Effect[] => {
  // No honest peer has a certificate with a signature of ours that we did not give.
  const byOthers = certificates.map(({ view }) => certificate(4, 'nullify', view, undefined, rig.self));
  return rig.give({ kind: 'certificates', certificates: byOthers, from: undefined });
};

describe('a leader after a long outage', () => {
  it.each([
    [4, 3_000],
    [100, 600],
  ])('n = %i, %i views: proposal and log record stay small', { timeout: 60_000 }, (validators, views) => {
    const rig = new Rig(validators, leaderAt(validators, views + 1));
    for (let view = 1; view <= views; view += 1) rig.certificate(certificate(validators, 'nullify', view));
    rig.give({ kind: 'mempool', pending: true });
    rig.pass(300);
    const build = of(rig.effects, 'build').at(-1);
    if (build === undefined) throw new Error('nothing was built');
    const { txRoot, txCount, bodyBytes } = blockOn(validators, base(validators), 1).header;
    const payload = { summary: { txRoot, txCount, bodyBytes }, system: [], stateCert: undefined };
    rig.give({ kind: 'built', view: build.view, parent: build.parent, payload });
    const block = of(rig.effects, 'cast').find(({ vote }) => vote.kind === 'notarize')?.proposal;
    if (block === undefined) throw new Error('nothing was proposed');
    expect(block.justification.nullifications.map(({ view }) => view)).toEqual(
      Array.from({ length: MAX_NULLIFICATIONS }, (_, i) => views - MAX_NULLIFICATIONS + 1 + i),
    );
    const { header, justification, system } = block;
    const signature = new Uint8Array(64);
    const body = { kind: 'inline', envelopes: [] } as const;
    const proposal = { header, justification, system, signature, body, resultCertificate: undefined };
    expect(encode(consensusMessageCodec, { kind: 'proposal', proposal }).length).toBeLessThan(64 * 1024);
    for (const record of rig.log) expect(encode(walRecordCodec, record).length).toBeLessThan(64 * 1024);
  });

  it('pulls what it lacks, from one peer after another, and proposes then', () => {
    const views = 2 * MAX_VIEWS_PER_RESPONSE;
    const rig = new Rig(4, leaderAt(4, views + 1));
    rig.certificate(certificate(4, 'nullify', views));
    rig.give({ kind: 'mempool', pending: true });
    rig.pass(300);
    const first = asked(rig.effects);
    expect(first[0]).toMatchObject({ from: 1, to: MAX_VIEWS_PER_RESPONSE });
    const silent = asked(rig.pass(1_000));
    expect(new Set([...first, ...silent].map(({ peer }) => peer)).size).toBeGreaterThan(1);
    expect(asked(answer(rig, nullified(4, 1, 500)))).toMatchObject([{ from: 501, to: 500 + MAX_VIEWS_PER_RESPONSE }]);
    expect(of(rig.effects, 'build')).toEqual([]);
    answer(rig, nullified(4, 501, views - 1));
    expect(of(rig.effects, 'build').map(({ view }) => view)).toContain(views + 1);
  });
});

describe('a validator after a long outage', () => {
  const views = 1_500;
  const block = blockAfter(4, views);
  const rigAt = (): Rig => new Rig(4, followerAt(4, views + 1));

  it('votes at once with nullifications of its own, whoever signed them', () => {
    const rig = rigAt();
    for (const held of nullified(4, 1, views)) rig.certificate(held);
    const effects = rig.give(proposalEvent(block));
    expect(rig.cast).toContain(`notarize@${views + 1}`);
    expect(asked(effects)).toEqual([]);
  });

  it('that lacks some pulls them and votes when all are logged', () => {
    const rig = rigAt();
    const range = unattachedViews(block.header);
    for (const held of nullified(4, 1, 200)) rig.certificate(held);
    expect(asked(rig.give(proposalEvent(block)))).toMatchObject([{ from: 201, to: 200 + MAX_VIEWS_PER_RESPONSE }]);
    answer(rig, nullified(4, 201, 1_000));
    expect(rig.cast).not.toContain(`notarize@${views + 1}`);
    answer(rig, nullified(4, 1_001, range?.to ?? 0));
    expect(rig.cast).toContain(`notarize@${views + 1}`);
    const logged = rig.log.flatMap((record) => (record.kind === 'certificate' ? [record.certificate.view] : []));
    expect(new Set(logged).size).toBe(views);
    const vote = rig.log.findIndex((record) => record.kind === 'vote' && record.vote.kind === 'notarize');
    const last = rig.log.findLastIndex((record) => record.kind === 'certificate');
    expect(vote).toBeGreaterThan(last);
  });

  it('never votes while one is missing, and asks on', () => {
    const rig = rigAt();
    for (const held of nullified(4, 1, views)) if (held.view !== 700) rig.certificate(held);
    const effects = [...rig.give(proposalEvent(block)), ...answer(rig, []), ...rig.pass(2_000)];
    expect(rig.cast).not.toContain(`notarize@${views + 1}`);
    expect(new Set(asked(effects).map(({ peer }) => peer)).size).toBeGreaterThan(1);
    expect(new Set(asked(effects).map(({ from }) => from))).toEqual(new Set([700]));
  });

  it('asks the next peer at once when one was silent', () => {
    const rig = rigAt();
    rig.certificate(certificate(4, 'nullify', views));
    const [first] = asked(rig.give(proposalEvent(block)));
    if (first === undefined) throw new Error('nothing was asked');
    expect(asked(rig.give({ kind: 'wake' }))).toEqual([]);
    const { peer, ...request } = first;
    const [second] = asked(rig.give({ kind: 'unanswered', request }));
    expect(second).toMatchObject(request);
    expect(second?.peer).not.toBe(peer);
  });

  it('takes the block for final when it holds why the views were skipped, and hands that on to be kept', () => {
    const rig = rigAt();
    rig.certificate(certificate(4, 'finalize', views + 1, block.id));
    rig.give({
      kind: 'blocks',
      blocks: [Object.assign(block, { body: 'present' }) as never],
      finalization: undefined,
      from: undefined,
    });
    expect(of(rig.effects, 'deliver')).toEqual([]);
    answer(rig, nullified(4, 1, 900));
    expect(of(rig.effects, 'deliver')).toEqual([]);
    answer(rig, nullified(4, 901, views));
    const [delivery] = of(rig.effects, 'deliver');
    expect(delivery?.unattached.map(({ view }) => view)).toEqual(
      Array.from({ length: views - MAX_NULLIFICATIONS }, (_, i) => i + 1),
    );
  });

  it('restores from its log what it needs to vote again', () => {
    const before = rigAt();
    for (const held of nullified(4, 1, views)) before.certificate(held);
    const rig = new Rig(4, before.self, { log: before.log });
    rig.give(proposalEvent(block));
    expect(rig.cast).toContain(`notarize@${views + 1}`);
  });
});

describe('what a long outage leaves in memory and on the wire', () => {
  const views = 400;

  it('of views far behind no votes but the certificate', () => {
    const rig = new Rig(4, followerAt(4, 1));
    for (let view = 1; view <= views; view += 1) rig.votes(rig.others, 'nullify', view);
    expect(rig.core.current).toBe(views + 1);
    const withVotes = [...rig.core.views.values()].filter(({ nullify }) => nullify.some((vote) => vote !== undefined));
    expect(withVotes.length).toBeLessThanOrEqual(REMEMBERED_VIEWS + 1);
    expect([...rig.core.views.values()].filter(({ nullification }) => nullification !== undefined)).toHaveLength(views);
  });

  it('E3 is found with a vote that only the certificate holds', () => {
    const rig = new Rig(4, followerAt(4, 1));
    rig.certificate(certificate(4, 'nullify', 1, undefined, rig.self));
    const liar = rig.others[0] ?? 0;
    const effects = rig.votes([liar], 'finalize', 1, blockOn(4, base(4), 1).id);
    expect(of(effects, 'evidence').map(({ evidence }) => evidence.kind === 'votes' && evidence.rule)).toEqual(['E3']);
  });

  it('STATUS tells of the newest views and is answered by what is lacking there', () => {
    const rig = new Rig(4, followerAt(4, 1));
    for (let view = 1; view <= views; view += 1) rig.certificate(certificate(4, 'nullify', view));
    const own = statusOf(rig.core);
    expect(own.have).toHaveLength(64);
    rig.nowMs += 10_000;
    const peer = rig.others[0] ?? 0;
    const status = { ...own, votes: [] } as Status as Verified<Status>;
    expect(of(rig.give({ kind: 'status', status, from: peer as never }), 'sendCertificate')).toEqual([]);
    rig.nowMs += 10_000;
    const lacking = { ...status, have: own.have.map((bits, i) => (i === 3 ? 0 : bits)) } as Verified<Status>;
    const sent = of(rig.give({ kind: 'status', status: lacking, from: peer as never }), 'sendCertificate');
    expect(sent.map(({ certificate: held }) => held.view)).toEqual([views + 1 - 64 + 1 + 3]);
  });

  it('the largest evidence about a block fits a system transaction', () => {
    const all = (kind: 'notarize' | 'nullify', view: number): Certificate => {
      const held = certificate(100, kind, view);
      return { ...held, bitmap: new Uint8Array(13).fill(255), signatures: new Uint8Array(64 * 100) };
    };
    const nullifications = Array.from({ length: MAX_NULLIFICATIONS }, (_, i) => all('nullify', 2 + i));
    const parent = blockOn(100, base(100), 1);
    const justification = { parent: all('notarize', 1), nullifications };
    const stateCert = { height: parent.header.height, root: parent.id, certHash: parent.id } as never;
    const change = { justRoot: justificationRoot(justification), stateCert };
    const { header, id } = blockOn(100, pointOf(parent), MAX_NULLIFICATIONS + 2, { justification, change });
    const vote = voteBy(header.proposer, 'notarize', header.view, id);
    const evidence = { kind: 'block', vote, header, justification, parent: { ...parent.header, stateCert } } as const;
    const transaction = encode(systemTransactionCodec, { kind: 'evidence', evidence });
    const section = Array.from({ length: MAX_SYSTEM_TRANSACTIONS }, () => transaction);
    expect(() => encode(systemSectionCodec, section)).not.toThrow();
  });
});
