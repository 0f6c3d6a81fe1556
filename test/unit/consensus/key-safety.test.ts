/** Key safety: every way in which a core can learn that its key signed something that it does not remember. */
import { describe, expect, it } from 'vitest';
import type { BlockHash, ValidatorIndex, Verified, View } from '../../../protocol/brand.ts';
import { bitmapOf, hasSigner } from '../../../protocol/bitmap.ts';
import type { Vote } from '../../../protocol/consensus/vote.ts';
import type { BodyState, CheckedBlock, Event } from '../../../consensus/input.ts';
import { votesOf } from '../../../consensus/query.ts';
import { statusOf } from '../../../consensus/repair.ts';
import { needsNoReminder, type Status } from '../../../protocol/consensus/status.ts';
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
  voteBy,
} from './harness.ts';

const { base } = anchorOf(4);
const self = followerAt(4, 1);
const other = leaderAt(4, 1);
const hash = 'ab'.repeat(32) as BlockHash;
const first = blockOn(4, base, 1);

/** The certificate of the others and ourselves. */
const withOurs = (kind: Vote['kind'], view: number, of?: BlockHash) =>
  certificate(
    4,
    kind,
    view,
    of,
    [0, 1, 2, 3].find((index) => index !== self),
  );
const certificateEvent = (kind: Vote['kind'], view: number, of?: BlockHash): Event => ({
  kind: 'certificate',
  certificate: withOurs(kind, view, of),
  from: undefined,
});
const voteEvent = (vote: Verified<Vote>): Event => ({ kind: 'vote', vote, from: other });

const expectHalt = (rig: Rig, event: Event, vote: object): void => {
  expect(of(rig.giveAsIs(event), 'halt')).toMatchObject([{ code: 'KEY_USED_TWICE', vote }]);
  rig.give({ kind: 'mempool', pending: true });
  rig.give(proposalEvent(blockOn(4, pointOf(first), currentOf(rig))));
  const before = rig.cast.length;
  rig.pass(60_000);
  expect(rig.cast).toHaveLength(before);
};

describe('a signature of our own key that we did not make', () => {
  it('is found in a vote that a peer hands back, also far beyond the window', () => {
    expectHalt(new Rig(4, self), voteEvent(voteBy(self, 'finalize', 900, hash)), { kind: 'finalize', view: 900 });
  });

  it.each(['notarize', 'finalize'] as const)('is found inside a certificate: %s', (kind) => {
    expectHalt(new Rig(4, self), certificateEvent(kind, 7, hash), { kind, view: 7, hash });
  });

  it('is found inside a nullification, even when the certificate by others is held already', () => {
    const rig = new Rig(4, self);
    rig.certificate(certificate(4, 'nullify', 3));
    expectHalt(rig, certificateEvent('nullify', 3), { kind: 'nullify', view: 3 });
  });

  it('is found in what a fetched block builds on', () => {
    const second = blockOn(4, pointOf(first), 2, {
      justification: { parent: withOurs('notarize', 1, first.id), nullifications: [] },
    });
    const rig = new Rig(4, self);
    rig.certificate(certificate(4, 'finalize', 2, second.id, self));
    const blocks = [second].map((block) => ({
      ...block,
      body: 'present',
    })) as unknown as readonly (Verified<CheckedBlock> & { readonly body: BodyState })[];
    expectHalt(rig, { kind: 'blocks', blocks, finalization: undefined, from: other }, { kind: 'notarize', view: 1 });
  });

  it('is found in a proposal of the view that we lead', () => {
    const leader = leaderAt(4, 1);
    const { id } = first;
    const rig = new Rig(4, leader);
    const halts = of(rig.giveAsIs({ ...proposalEvent(first), from: self } as Event), 'halt');
    expect(halts).toMatchObject([{ code: 'KEY_USED_TWICE', vote: { kind: 'notarize', hash: id } }]);
  });

  it('is found in evidence against us, of any view, and again after a restart', () => {
    const evidence = {
      kind: 'votes',
      rule: 'E3',
      first: voteBy(self, 'nullify', 1),
      second: voteBy(self, 'finalize', 1, hash),
    } as const;
    const rig = new Rig(4, self, {
      log: [{ kind: 'finalized', epoch: anchorOf(4).epoch, view: 5 as never, height: 5 as never, block: hash }],
    });
    const halts = of(rig.give({ kind: 'evidence', evidence: evidence as never }), 'halt');
    expect(halts).toMatchObject([{ code: 'KEY_USED_TWICE' }]);
    const again = new Rig(4, self, { log: rig.log });
    expect(of(again.effects, 'halt')).toHaveLength(1);
    expect(of(new Rig(4, other, { log: rig.log }).effects, 'halt')).toEqual([]);
  });
});

describe('a signature of our own key that we made, or may have made', () => {
  it('is no alarm while the vote is remembered', () => {
    const rig = new Rig(4, self);
    rig.give(proposalEvent(first));
    expect(rig.cast).toEqual(['notarize@1']);
    rig.giveAsIs(voteEvent(voteBy(self, 'notarize', 1, first.id)));
    rig.giveAsIs(certificateEvent('notarize', 1, first.id));
    expect(rig.core.halted).toBe(false);
  });

  it('is no alarm after a restart with the whole log', () => {
    const before = new Rig(4, self);
    before.give({ kind: 'mempool', pending: true });
    before.pass(1_200);
    expect(before.cast).toEqual(['nullify@1']);
    const after = new Rig(4, self, { log: before.log });
    after.giveAsIs(voteEvent(voteBy(self, 'nullify', 1)));
    after.giveAsIs(certificateEvent('nullify', 1));
    expect(after.core.halted).toBe(false);
  });

  it('is no alarm at or below the floor of the log, when the ledger is fetched again', () => {
    const rig = new Rig(4, self, {
      log: [{ kind: 'finalized', epoch: anchorOf(4).epoch, view: 5 as never, height: 5 as never, block: hash }],
    });
    rig.giveAsIs(voteEvent(voteBy(self, 'notarize', 5, hash)));
    rig.giveAsIs(certificateEvent('finalize', 4, hash));
    expect(rig.core.halted).toBe(false);
    expectHalt(rig, certificateEvent('notarize', 6, hash), { view: 6 });
  });

  it('of an observer does not exist', () => {
    const rig = new Rig(4, self);
    Object.assign(rig.core.config, { self: undefined });
    rig.giveAsIs(certificateEvent('notarize', 1, hash));
    expect(rig.core.halted).toBe(false);
  });
});

describe('own votes far ahead of a ledger that starts anew', () => {
  it('are tallied and told again, so that nobody waits for them', () => {
    const vote = { kind: 'nullify', epoch: anchorOf(4).epoch, view: 500, hash: '0'.repeat(64) } as never;
    const rig = new Rig(4, self, { log: [{ kind: 'vote', vote }] });
    expect(rig.core.views.get(500)?.nullifyCount).toBe(1);
    rig.certificate(certificate(4, 'nullify', 499));
    expect(of(rig.pass(10_000), 'broadcastStatus').at(-1)?.status.votes).toMatchObject([
      { kind: 'nullify', view: 500 },
    ]);
  });
});

describe('the first vote after a start', () => {
  const told = (finalizedView: number): Verified<Status> =>
    ({ ...statusOf(new Rig(4, other).core), finalizedView, votes: [] }) as unknown as Verified<Status>;
  const listening = (...claims: readonly number[]): Rig => {
    const rig = new Rig(4, self, { quietMs: 500 });
    rig.give(proposalEvent(first));
    rig.pass(600);
    for (const [position, claim] of claims.entries()) {
      expect(rig.cast).toEqual([]);
      rig.give({ kind: 'status', status: told(claim), from: rig.others[position] as ValidatorIndex });
    }
    return rig;
  };

  it('comes once the time is over and a quorum has told how far it is', () => {
    expect(listening().cast).toEqual([]);
    expect(listening(0).cast).toEqual([]);
    expect(listening(0, 0).cast).toEqual(['notarize@1']);
  });

  it('waits for what an honest validator held final, and for no liar', () => {
    expect(listening(900, 0).cast).toEqual(['notarize@1']);
    const rig = listening(1, 1);
    expect(of(rig.give({ kind: 'mempool', pending: true }), 'build')).toEqual([]);
    expect(rig.cast).toEqual([]);
    expect(of(rig.certificate(certificate(4, 'finalize', 1, first.id)), 'build')).toHaveLength(1);
  });
});

describe('what a peer is reminded of', () => {
  it('is its votes above the finalised view, newest first, bounded', () => {
    const rig = new Rig(4, self);
    for (const view of [1, 2, 3]) rig.votes([other], 'nullify', view);
    rig.votes([other], 'notarize', 2, hash);
    const told = votesOf(rig.core, other as ValidatorIndex, 3).map(({ kind, view }) => `${kind}@${view}`);
    expect(told).toEqual(['nullify@3', 'notarize@2', 'nullify@2']);
  });

  it('is what its status does not name, in views that it left as well: nobody is reminded for ever', () => {
    const voted = new Rig(4, self);
    voted.give(proposalEvent(first));
    voted.pass(60_000);
    const forgot = new Rig(4, self);
    for (const rig of [voted, forgot]) rig.certificate(certificate(4, 'nullify', 1));
    const votes = [voteBy(self, 'notarize', 1, first.id), voteBy(self, 'nullify', 1)];
    const remembers = ({ core }: Rig) => votes.map((vote) => needsNoReminder(statusOf(core), vote));
    expect(currentOf(voted)).toBe(2);
    expect(remembers(voted)).toEqual([true, true]);
    expect(remembers(forgot)).toEqual([false, false]);
    forgot.certificate(certificate(4, 'finalize', 3, hash));
    expect(needsNoReminder({ ...statusOf(forgot.core), finalizedView: 3 as View }, votes[0] as Vote)).toBe(true);
  });

  it('is a vote for another block than the one that its status names', () => {
    const rig = new Rig(4, self);
    rig.give(proposalEvent(first));
    const status = statusOf(rig.core);
    expect(needsNoReminder(status, voteBy(self, 'notarize', 1, first.id))).toBe(true);
    expect(needsNoReminder(status, voteBy(self, 'notarize', 1, hash))).toBe(false);
  });
});

describe('a signer bitmap', () => {
  it('says who is in it', () => {
    const bitmap = bitmapOf([0, 9], 12);
    expect([0, 1, 8, 9, 11, 99].filter((signer) => hasSigner(bitmap, signer))).toEqual([0, 9]);
  });
});
