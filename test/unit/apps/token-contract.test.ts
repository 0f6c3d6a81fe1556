/** The token contract in the production interpreter: rules, privacy, cost, and the published transfers where present. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { BURN, type BalanceResult, type SupplyResult } from '../../../apps/token/types.ts';
import { ContractTest } from '../../../contracts/testing.ts';
import { asked, askedInVain, did, refused, testKey } from './contract-party.ts';
import { sharedData } from '../../support/skipping.ts';

const ENTRY = new URL('../../../apps/token/contract.ts', import.meta.url).pathname;
const [ISSUER, AUDITOR, ALICE, BOB] = [testKey(1), testKey(2), testKey(3), testKey(4)];
const MAX = (2n ** 256n - 1n).toString();
const { path: shared, isMissing } = sharedData('09-ledger');

let t: ContractTest;
beforeEach(async () => {
  t = await ContractTest.deploy(ENTRY, { issuers: [ISSUER], auditor: AUDITOR });
});

const balance = (holder: string, token = 'gold'): string =>
  asked<BalanceResult>(t, holder, 'balance', { token }).balance;
const supply = (caller: string, token = 'gold'): string => asked<SupplyResult>(t, caller, 'supply', { token }).supply;
const issue = (amount: string, token = 'gold'): void => {
  did(t, ISSUER, 'issue', { token, opening: [{ holder: ALICE, amount }] });
};

describe('token', () => {
  it('moves amounts exactly up to 2^256 - 1, to oneself, in zero, and out of existence', () => {
    issue(MAX);
    did(t, ALICE, 'transfer', { id: 't1', token: 'gold', to: BOB, amount: MAX });
    expect([balance(ALICE), balance(BOB)]).toEqual(['0', MAX]);
    did(t, BOB, 'transfer', { id: 't1', token: 'gold', to: BOB, amount: MAX });
    did(t, BOB, 'transfer', { id: 't2', token: 'gold', to: ALICE, amount: '0' });
    did(t, ALICE, 'transfer', { id: 't3', token: 'gold', to: BOB, amount: '0' });
    did(t, BOB, 'transfer', { id: 't4', token: 'gold', to: BURN, amount: '5' });
    expect(balance(BOB)).toBe((BigInt(MAX) - 5n).toString());
    expect([supply(ISSUER), supply(AUDITOR)]).toEqual([balance(BOB), balance(BOB)]);
  });

  it('refuses without any effect', () => {
    issue('100');
    did(t, ALICE, 'transfer', { id: 't1', token: 'gold', to: BOB, amount: '10' });
    const attempt = (change: object, caller = ALICE): string | undefined =>
      refused(t, caller, 'transfer', { id: 'new', token: 'gold', to: BOB, amount: '1', ...change });
    expect(attempt({ id: 't1' })).toBe('replay');
    expect(attempt({ id: 't1', amount: '2' })).toBe('replay');
    expect(attempt({ id: 't1', token: 'silver', amount: '-1' })).toBe('replay');
    expect(attempt({ token: 'silver', amount: '-1' })).toBe('unknown_token');
    expect(attempt({ amount: '91' })).toBe('balance');
    expect(attempt({}, testKey(9))).toBe('balance');
    for (const amount of ['-1', '1.5', '01', '', '1e3', 1, null, (2n ** 256n).toString(), '9'.repeat(80)]) {
      expect(attempt({ amount }), String(amount)).toBe('amount');
    }
    for (const to of ['', 'bob', ALICE.slice(1), 7]) expect(attempt({ to })).toBe('bad_recipient');
    for (const id of ['', 'x'.repeat(33), 'a,b', 7]) expect(attempt({ id })).toBe('bad_id');
    expect(attempt({ token: '' })).toBe('bad_token');
    expect(refused(t, ALICE, 'transfer', 'text')).toBe('bad_arguments');
    expect([balance(ALICE), balance(BOB), supply(AUDITOR)]).toEqual(['90', '10', '100']);
    did(t, ALICE, 'transfer', { id: 'new', token: 'gold', to: BOB, amount: '1' });
  });

  it("lets only issuers create, and only the token's issuer add", () => {
    const opening = [{ holder: BOB, amount: '7' }];
    expect(refused(t, ALICE, 'issue', { token: 'gold', opening })).toBe('forbidden');
    did(t, ISSUER, 'issue', { id: 'i1', token: 'gold', opening });
    expect(refused(t, ISSUER, 'issue', { id: 'i1', token: 'gold', opening })).toBe('replay');
    expect(refused(t, AUDITOR, 'issue', { token: 'gold', opening })).toBe('forbidden');
    did(t, ISSUER, 'issue', { id: 'i2', token: 'gold', opening: [...opening, ...opening] });
    expect([balance(BOB), supply(ISSUER)]).toEqual(['21', '21']);
    expect(refused(t, ISSUER, 'issue', { token: 'gold', opening: [{ holder: BURN, amount: '1' }] })).toBe(
      'bad_recipient',
    );
    expect(refused(t, ISSUER, 'issue', { token: 'gold', opening: [{ holder: BOB, amount: '-1' }] })).toBe('amount');
    expect(refused(t, ISSUER, 'issue', { token: 'gold', opening: 'x' })).toBe('bad_arguments');
  });

  it('shows a holder its own balance, supply to issuer and auditor, nothing to others', () => {
    issue('100');
    expect(askedInVain(t, BOB, 'balance', { token: 'gold', holder: ALICE })).toBe('bad_arguments');
    expect([balance(BOB), balance(BOB, 'absent')]).toEqual(['0', '0']);
    expect(askedInVain(t, ALICE, 'supply', { token: 'gold' })).toBe('forbidden');
    expect(askedInVain(t, ALICE, 'supply', { token: 'absent' })).toBe('forbidden');
    expect(askedInVain(t, AUDITOR, 'supply', { token: 'absent' })).toBe('unknown_token');
  });

  it('seals a notice to the receiver only when asked', () => {
    issue('100');
    const silent = t.call(ALICE, 'transfer', { id: 't1', token: 'gold', to: BOB, amount: '1' });
    expect([silent.result, silent.outputs]).toEqual([{ id: 't1' }, []]);
    const told = t.call(ALICE, 'transfer', { id: 't2', token: 'gold', to: BOB, amount: '2', notify: true });
    expect(told.outputs).toEqual([{ recipient: BOB, value: { id: 't2', token: 'gold', from: ALICE, amount: '2' } }]);
  });

  it('remembers a bounded number of ids a sender, the newest', () => {
    issue('1000');
    const send = (id: string): void => void did(t, ALICE, 'transfer', { id, token: 'gold', to: BOB, amount: '1' });
    const ids = Array.from({ length: 60 }, (_, index) => `X${String(index).padStart(12, '0')}`);
    ids.forEach(send);
    for (const id of ids.slice(-45))
      expect(refused(t, ALICE, 'transfer', { id, token: 'gold', to: BOB, amount: '1' })).toBe('replay');
    const costs = Array.from(
      { length: 20 },
      (_, index) =>
        t.call(ALICE, 'transfer', { id: `Y${String(index).padStart(12, '0')}`, token: 'gold', to: BOB, amount: '1' })
          .gas,
    );
    expect(Math.max(...costs)).toBeLessThan(1.1 * Math.min(...costs));
  });
});

describe.skipIf(isMissing)('the published transfers', () => {
  it('give the published decisions, balances and supplies', () => {
    const read = (file: string): string[][] =>
      readFileSync(path.join(shared, file), 'utf8')
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(','));
    const zero = `0x${'0'.repeat(40)}`;
    const keyOf = (address: string): string =>
      address === zero ? BURN : createHash('sha256').update(`holder ${address}`).digest('hex');
    const opening = read('opening_balances.csv');
    for (const [token = ''] of read('tokens.csv')) {
      const own = opening
        .filter(([of]) => of === token)
        .map(([, holder = '', amount]) => ({ holder: keyOf(holder), amount }));
      did(t, ISSUER, 'issue', { token, opening: own });
    }
    const transfers = read('transfers.csv') as [id: string, token: string, from: string, to: string, amount: string][];
    const decisions = transfers.map(([id, token, from, to, amount]) => {
      const answer =
        from === zero
          ? t.call(ISSUER, 'issue', { id, token, opening: [{ holder: keyOf(to), amount }] })
          : t.call(keyOf(from), 'transfer', { id, token, to: keyOf(to), amount });
      return [id, answer.status === 'ok' ? 'accept' : `refuse:${answer.reason}`];
    });
    expect(decisions).toEqual(read('expected/decisions.csv'));
    const expected = JSON.parse(readFileSync(path.join(shared, 'expected', 'expected.json'), 'utf8')) as Record<
      string,
      unknown
    > & {
      supply: Record<string, { closing: string }>;
    };
    const parties = new Set([
      ...opening.map(([, holder = '']) => holder),
      ...transfers.flatMap(([, , from, to]) => [from, to]),
    ]);
    parties.delete(zero);
    const lines: string[] = [];
    for (const token of Object.keys(expected.supply)) {
      expect(supply(AUDITOR, token)).toBe(expected.supply[token]?.closing);
      for (const holder of parties) {
        const held = balance(keyOf(holder), token);
        if (held !== '0') lines.push(`${token},${holder},${held}`);
      }
    }
    expect(lines).toHaveLength(expected['final_nonzero_entries'] as number);
    const digest = createHash('sha256').update(lines.sort().join('\n')).digest('hex');
    expect(digest).toBe(expected['balances_sha256_of_sorted_lines_token,holder,amount']);
  });
});
