/** The rules of waiting, one by one: R8 nullify, R9 timer, R10 work. */
import { describe, expect, it } from 'vitest';
import type { BlockHash, ValidatorIndex, Verified } from '../../../protocol/brand.ts';
import type { Status } from '../../../protocol/consensus/status.ts';
import { statusOf } from '../../../consensus/repair.ts';
import { viewTimeoutMs } from '../../../consensus/timer.ts';
import { anchorOf, blockOn, certificate, leaderAt, of, proposalEvent, Rig, rigAt } from './harness.ts';

const base = anchorOf(4).base;

describe('R8, R9 and R10: nullify, timer, work', () => {
  it('sleeps without work: no timer, no vote, only STATUS', () => {
    const rig = rigAt();
    const kinds = new Set(rig.pass(29_000).map((effect) => effect.kind));
    expect([...kinds].sort()).toEqual(['broadcastStatus', 'wake']);
  });

  it('makes the heartbeat block when it is due', () => {
    const rig = new Rig(4, leaderAt(4, 1));
    expect(of(rig.pass(29_900), 'build')).toHaveLength(0);
    expect(of(rig.pass(200), 'build')).toHaveLength(1);
  });

  it('makes no second heartbeat block while the first is on its way to finality', () => {
    const rig = new Rig(4, leaderAt(4, 2));
    rig.pass(30_100);
    const block = blockOn(4, base, 1, { transactions: 0, change: { timeMs: rig.wallMs } });
    rig.give(proposalEvent(block));
    rig.certificate(certificate(4, 'notarize', 1, block.id));
    const beforeFinality = rig.pass(200);
    rig.certificate(certificate(4, 'finalize', 1, block.id));
    expect(of([...beforeFinality, ...rig.pass(29_000)], 'build')).toEqual([]);
    expect(of(rig.pass(2_000), 'build')).toHaveLength(1);
  });

  it('nullifies T0 after work appeared, not after the view was entered', () => {
    const rig = rigAt();
    rig.pass(20_000);
    rig.give({ kind: 'mempool', pending: true });
    rig.pass(900);
    expect(rig.cast).toEqual([]);
    rig.pass(200);
    expect(rig.cast).toEqual(['nullify@1']);
  });

  it('stretches the timeout from the last finalised view and caps it', () => {
    const rig = rigAt();
    const at = (view: number): number => {
      rig.certificate(certificate(4, 'nullify', view - 1));
      return viewTimeoutMs(rig.core);
    };
    expect([at(2), at(3), at(4), at(50)]).toEqual([1_000, 1_500, 2_250, 30_000]);
  });

  it('does not count from notarization: notarised views stretch it as well', () => {
    const rig = rigAt();
    const first = blockOn(4, base, 1);
    rig.certificate(certificate(4, 'notarize', 1, first.id));
    for (let view = 2; view < 6; view += 1)
      rig.certificate(certificate(4, 'notarize', view, `${view}`.repeat(64) as BlockHash));
    expect(viewTimeoutMs(rig.core)).toBeCloseTo(1_000 * 1.5 ** 4);
  });

  it('joins f + 1 others, and the leader', () => {
    const two = rigAt();
    two.votes(
      two.others.filter((other) => other !== leaderAt(4, 1)),
      'nullify',
      1,
    );
    expect(two.cast).toEqual(['nullify@1']);
    const led = rigAt();
    led.votes([leaderAt(4, 1)], 'nullify', 1);
    expect(led.cast).toEqual(['nullify@1']);
  });

  it('skips a silent leader at once when there is work and a quorum is heard', () => {
    const rig = rigAt();
    for (let i = 0; i < 4; i += 1) {
      rig.pass(5_000);
      for (const other of rig.others.filter((index) => index !== leaderAt(4, 1))) {
        rig.give({ kind: 'status', status: statusOf(rig.core) as Verified<Status>, from: other as ValidatorIndex });
      }
    }
    rig.give({ kind: 'mempool', pending: true });
    expect(rig.cast).toEqual(['nullify@1']);
  });

  it('never nullifies a view that it finalises, and the other way round', () => {
    const rig = rigAt();
    const block = blockOn(4, base, 1);
    rig.certificate(certificate(4, 'notarize', 1, block.id));
    rig.votes(rig.others, 'nullify', 1);
    expect(rig.cast.filter((vote) => vote.endsWith('@1'))).toEqual(['finalize@1']);
  });
});
