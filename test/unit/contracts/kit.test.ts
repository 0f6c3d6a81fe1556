/** The contract SDK, every part of it, in the production runtime. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ContractTest, party } from '../../../contracts/testing.ts';

const ENTRY = fileURLToPath(new URL('./fixtures/kit.ts', import.meta.url));
const [alice, bob, carol] = [party('A'), party('B'), party('C')];
const banks = { [alice]: 'A', [bob]: 'B' };

let kit: ContractTest;
beforeAll(async () => {
  await ContractTest.deploy(ENTRY, { banks });
}, 30_000);
beforeEach(async () => {
  kit = await ContractTest.deploy(ENTRY, { banks });
});

describe('state maps', () => {
  const keys: [string, number][] = [
    ['b', 2],
    ['a', 10],
    ['a', 2],
    ['', 0],
    ['a', 2 ** 53 - 1],
    ['ab', 1],
    ['a\u0001', 1],
    ['a\u0000', 1],
    ['B', 1],
    ['é', 1],
    ['\ud800', 33],
    ['\u{1F600}', 1],
    ['\uffff', 1],
    ['a\u0000\uffff', 1],
    ['a\u0000\u0000', 1],
    ['a', 2 ** 32],
    ['a', 31],
    ['a', 32],
  ];
  const inOrder = keys.toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x - y));
  const names = (rows: unknown): unknown[] =>
    (rows as [string, number, string][]).map(([group, rank]) => [group, rank]);
  beforeEach(() => {
    expect(kit.call(alice, 'putRows', keys).status).toBe('ok');
  });

  it('sorts keys by code units and numbers by value', () => {
    expect(names(kit.query(alice, 'rows').result)).toEqual(inOrder);
    expect(names(kit.query(alice, 'rows', { reverse: true }).result)).toEqual(inOrder.toReversed());
  });
  it('scans by prefix, bounds and limit', () => {
    const ofA = inOrder.filter(([group]) => group === 'a');
    expect(names(kit.query(alice, 'rows', { prefix: ['a'] }).result)).toEqual(ofA);
    expect(names(kit.query(alice, 'rows', { prefix: ['a'], limit: 2, reverse: true }).result)).toEqual(
      ofA.toReversed().slice(0, 2),
    );
    expect(names(kit.query(alice, 'rows', { from: ['a', 10], to: ['a', 2 ** 32] }).result)).toEqual([
      ['a', 10],
      ['a', 31],
      ['a', 32],
    ]);
    expect(names(kit.query(alice, 'rows', { from: ['a', 32], prefix: ['a'] }).result)).toEqual(ofA.slice(3));
    expect(kit.query(alice, 'rows', { from: ['b'], to: ['a'] }).result).toEqual([]);
    expect(kit.query(alice, 'rows', { prefix: ['none'] }).result).toEqual([]);
  });
  it('deletes', () => {
    kit.call(alice, 'dropRow', ['a', 10]);
    expect(names(kit.query(alice, 'rows', { prefix: ['a'] }).result)).not.toContainEqual(['a', 10]);
  });
  it('refuses key parts that cannot be ordered', () => {
    for (const bad of [-1, 1.5, 2 ** 53, null, true]) {
      expect(kit.call(alice, 'putRows', [['a', bad]])).toMatchObject({ status: 'failed', code: 'BAD_HOST_CALL' });
    }
  });
  it('walks more rows than one page', () => {
    const many = Array.from({ length: 1500 }, (_, rank) => ['many', rank]);
    expect(kit.call(alice, 'putRows', many).status).toBe('ok');
    const found = names(kit.query(alice, 'rows', { prefix: ['many'], reverse: true }).result);
    expect(found).toEqual(many.toReversed());
  });
  it('keeps any text exactly', () => {
    for (const value of [
      '',
      'plain',
      'nul\0nul',
      'é',
      '日本\0語',
      '\ud800 alone',
      '\u{1F600}',
      'x'.repeat(10_000),
      `${'é'.repeat(9000)}日`,
    ]) {
      expect(kit.call(alice, 'putText', { key: value.slice(0, 100), value }).result).toMatchObject({ same: true });
    }
  });
  it('refuses a bigint in stored JSON', () => {
    expect(kit.call(alice, 'badState')).toMatchObject({ status: 'failed', code: 'CONTRACT_ERROR' });
  });
});

describe('refusals', () => {
  it('undo everything, even when the contract tries to catch them', () => {
    expect(kit.call(alice, 'swallow')).toMatchObject({ status: 'refused', reason: 'not_caught' });
    expect(kit.query(alice, 'setting').result).toBeNull();
  });
  it('keep audit records when asked, and nothing else', () => {
    const size = kit.stateSize;
    expect(kit.call(alice, 'lookup', 'shut')).toMatchObject({ status: 'refused', reason: 'shut', detail: undefined });
    expect(kit.stateSize).toBe(size);
    kit.setTime(77);
    expect(kit.call(alice, 'lookup', 'closed')).toMatchObject({
      status: 'refused',
      reason: 'closed',
      detail: { at: 77 },
    });
    expect(kit.query(alice, 'visits').result).toBe(0);
    expect(kit.query(alice, 'audit').result).toMatchObject({
      length: 1,
      broken: null,
      entries: [{ record: { what: 'lookup' }, timeMs: 77 }],
    });
  });
});

describe('collections', () => {
  it('roles: grant, require, list', () => {
    expect(kit.query(carol, 'members').result).toHaveLength(2);
    expect(kit.call(carol, 'approve', 'p')).toMatchObject({
      status: 'refused',
      reason: 'forbidden',
      detail: { role: 'bank' },
    });
  });
  it('approvals: k of n, once each', () => {
    expect(kit.call(alice, 'approve', 'p').result).toEqual({ count: 1, reached: false, approvers: ['A'] });
    expect(kit.call(alice, 'approve', 'p').result).toEqual({ count: 1, reached: false, approvers: ['A'] });
    expect(kit.call(bob, 'approve', 'p').result).toEqual({ count: 2, reached: true, approvers: ['A', 'B'] });
    expect(kit.call(bob, 'approve', 'q').result).toEqual({ count: 1, reached: false, approvers: ['B'] });
  });
  it('budgets: refuse beyond the limit, per party', () => {
    expect(kit.call(alice, 'lookup').result).toBe(1);
    expect(kit.call(alice, 'lookup').result).toBe(2);
    expect(kit.call(alice, 'lookup')).toMatchObject({
      status: 'refused',
      reason: 'budget_exhausted',
      detail: { used: 2, limit: 2 },
    });
    expect(kit.query(bob, 'lookups').result).toBe(0);
    expect(kit.query(alice, 'lookups').result).toBe(2);
  });
  it('audit logs: numbered and linked', () => {
    for (let i = 0; i < 2; i += 1) kit.call(alice, 'lookup');
    const { entries } = kit.query(alice, 'audit').result as unknown as {
      entries: { sequence: number; previous: string; hash: string }[];
    };
    expect(entries.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(entries[1]?.previous).toBe(entries[0]?.hash);
  });
  it('counters and values', () => {
    kit.call(alice, 'visit');
    expect(kit.call(alice, 'visit').result).toBe(2);
    kit.call(alice, 'putSetting', ['x']);
    expect(kit.query(alice, 'setting').result).toEqual(['x']);
  });
});

describe('effects', () => {
  it('sealed outputs, claims, randomness, time', () => {
    kit.setTime(1234);
    const outcome = kit.call(alice, 'effects', bob);
    expect(outcome.outputs).toEqual([{ recipient: bob, value: { secret: '5' } }]);
    expect(outcome.claims).toEqual([{ name: 'total', value: { sum: '12' } }]);
    const { random, again, height, timeMs } = outcome.result as {
      random: string;
      again: string;
      height: number;
      timeMs: number;
    };
    expect(random).toMatch(/^[0-9a-f]{40}$/);
    expect(again).not.toBe(random);
    expect({ height, timeMs }).toEqual({ height: 2, timeMs: 1234 });
  });
  it('SHA-256 of UTF-8 text', () => {
    for (const text of ['', 'abc', 'é日\u{1F600}']) {
      expect(kit.call(alice, 'hash', text).result).toBe(createHash('sha256').update(text).digest('hex'));
    }
  });
  it('queries cannot write', () => {
    for (const method of ['write', 'delete']) {
      expect(kit.query(alice, method)).toMatchObject({ status: 'failed', code: 'READ_ONLY' });
    }
  });
  it('methods are own properties of their table', () => {
    for (const method of ['toString', '__proto__', 'constructor', 'rows', '']) {
      expect(kit.call(alice, method)).toMatchObject({ status: 'failed', code: 'UNKNOWN_METHOD' });
    }
  });
});
