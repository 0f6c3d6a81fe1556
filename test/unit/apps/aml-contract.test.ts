/** The AML contract in the production interpreter: agreement, submission, runs, release, reading, audit. */
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type {
  PeriodStatus,
  ReleaseResult,
  RuleView,
  RunSummary,
  RunView,
  SubmissionResult,
  TransferRow,
} from '../../../apps/aml/types.ts';
import {
  agree,
  alertsOf,
  approve,
  auditOf,
  type Consortium,
  deploy,
  FIU,
  OUTSIDER,
  PERIOD,
  REGULATOR,
  START_MS,
  submitAll,
  wholeCase,
} from './aml-consortium.ts';
import { asked, askedInVain, did, refused } from './contract-party.ts';

const NAMES = ['A', 'B', 'C', 'D', 'E'];
const CYCLE = { min_hops: 3, max_hops: 4, window_minutes: 100, min_banks: 2 };
const CLAUSES = {
  purpose: 'detect laundering',
  legalBasis: 'article 75',
  expiresAtMs: START_MS + 1e10,
  runsPerMonth: 2,
};

/** A row between accounts named `bankNumber:account`. */
function row(txId: string, minute: number, from: string, to: string, amount = '10.00'): TransferRow {
  const [fromBank = '', fromAccount = ''] = from.split(':');
  const [toBank = '', toAccount = ''] = to.split(':');
  return [txId, String(minute), fromBank, fromAccount, toBank, toAccount, amount, 'Euro', amount, 'Euro', 'ACH'];
}

// A loop over banks A (5, 10), B (6) and C (7), and one inside D and E (8, 9).
const LOOP = [
  row('T-ab', 1, '5:alpha1', '6:bravo1'),
  row('T-bc', 2, '6:bravo1', '7:charlie1'),
  row('T-ca', 3, '7:charlie1', '5:alpha1'),
];
const SECOND = [
  row('T-de', 5, '8:delta1', '9:echo1'),
  row('T-ed', 6, '9:echo1', '13:delta2'),
  row('T-dd', 7, '13:delta2', '8:delta1'),
];
const ROWS = [...LOOP, ...SECOND];

function rowsOf(index: number): TransferRow[] {
  return ROWS.filter((fields) => Number(fields[2]) % 5 === index || Number(fields[4]) % 5 === index);
}

let c: Consortium;
const key = (index: number): string => c.keys[index] ?? '';
beforeEach(async () => {
  c = await deploy(NAMES, { approvals_needed: 4, of: 5 });
});

function ready(): RunView {
  for (const index of NAMES.keys()) submitAll(c, index, rowsOf(index));
  agree(c, 'cycle', CYCLE);
  return did<RunView>(c.t, key(1), 'run', { rule: 'cycle', period: PERIOD });
}

describe('rules', () => {
  it('become active with the fourth signature of different banks', () => {
    const proposed = did<RuleView>(c.t, key(2), 'proposeRule', { rule: 'cycle', thresholds: CYCLE, ...CLAUSES });
    expect(proposed).toMatchObject({
      ruleId: 'cycle@1',
      version: 1,
      proposedBy: 'C',
      signedBy: ['C'],
      signaturesNeeded: 4,
      active: false,
    });
    for (const index of [2, 0, 0, 1]) did(c.t, key(index), 'approveRule', { ruleId: 'cycle@1' });
    expect(refused(c.t, key(0), 'run', { rule: 'cycle', period: PERIOD })).toBe('rule_not_active');
    expect(did<RuleView>(c.t, key(4), 'approveRule', { ruleId: 'cycle@1' })).toMatchObject({
      active: true,
      signedBy: ['A', 'B', 'C', 'E'],
    });
  });

  it('refuse one bank only, unknown fields, missing gateway, past expiry, outsiders', () => {
    const propose = (change: object, caller = key(0)): string | undefined =>
      refused(c.t, caller, 'proposeRule', { rule: 'cycle', thresholds: CYCLE, ...CLAUSES, ...change });
    expect(propose({ thresholds: { ...CYCLE, min_banks: 1 } })).toBe('min_banks_below_two');
    expect(propose({ thresholds: { ...CYCLE, account: 7 } })).toBe('bad_thresholds');
    expect(propose({ rule: 'lookup' })).toBe('unknown_rule');
    expect(propose({ account: '5:alpha1' })).toBe('unknown_argument');
    expect(propose({ legalBasis: ' ' })).toBe('bad_argument');
    expect(propose({ expiresAtMs: START_MS })).toBe('bad_argument');
    for (const caller of [FIU, REGULATOR, OUTSIDER]) expect(propose({}, caller)).toBe('forbidden');
  });

  it('are versioned, run by name at the newest active version, by id at any, and expire', () => {
    ready();
    agree(c, 'cycle', { ...CYCLE, max_hops: 3 }, { expiresAtMs: START_MS + 1000 });
    expect(did<RunView>(c.t, key(0), 'run', { rule: 'cycle', period: PERIOD }).ruleId).toBe('cycle@2');
    c.t.setTime(START_MS + 32 * 86_400_000);
    expect(did<RunView>(c.t, key(0), 'run', { rule: 'cycle', period: PERIOD }).ruleId).toBe('cycle@1');
    expect(refused(c.t, key(0), 'run', { rule: 'cycle@2', period: PERIOD })).toBe('rule_expired');
    expect(did<RunView>(c.t, key(0), 'run', { rule: 'cycle@1', period: PERIOD }).ruleId).toBe('cycle@1');
    expect(refused(c.t, key(0), 'run', { rule: 'cycle@9', period: PERIOD })).toBe('unknown_rule');
    expect(asked<RuleView[]>(c.t, REGULATOR, 'rules').map(({ ruleId, active }) => [ruleId, active])).toEqual([
      ['cycle@1', true],
      ['cycle@2', false],
    ]);
  });
});

describe('submission', () => {
  const submit = (index: number, rows: readonly unknown[]): ReturnType<Consortium['t']['call']> =>
    c.t.call(key(index), 'submitTransfers', { period: PERIOD, rows });

  it('names the first bad row and its reason to the caller, and stores nothing of the instalment', () => {
    const good = row('T1', 1, '5:alpha1', '6:bravo1');
    const change = (position: number, text: string): TransferRow =>
      good.map((field, index) => (index === position ? text : field));
    const other = change(0, 'T2');
    const cases: readonly (readonly [string, number, readonly unknown[]])[] = [
      ['transfer_does_not_touch_the_sender_bank', 1, [good, row('T2', 1, '6:b', '7:c')]],
      ['same_transfer_reported_with_two_amounts', 1, [good, change(6, '11.00')]],
      ['duplicate_transfer', 2, [other, good, good]],
      ['negative_or_zero_amount', 0, [change(6, '-5')]],
      ['negative_or_zero_amount', 0, [change(8, '0.00')]],
      ['amount_not_decimal', 0, [change(6, '1e9')]],
      ['amount_not_decimal', 0, [change(6, '')]],
      ['amount_not_decimal', 0, [change(6, '1.')]],
      ['minute_out_of_range', 0, [change(1, '-1')]],
      ['minute_out_of_range', 0, [change(1, '999999999')]],
      ['minute_out_of_range', 0, [change(1, '1.5')]],
      ['empty_account', 0, [change(5, '')]],
      ['bad_account', 0, [change(5, 'a\tb')]],
      ['bank_not_a_number', 0, [change(4, '06')]],
      ['bad_transfer_id', 0, [change(0, '')]],
      ['bad_text', 0, [change(7, '')]],
      ['wrong_columns', 0, [good.slice(1)]],
      ['wrong_columns', 0, ['text']],
      ['wrong_columns', 0, [good.map((_, index) => index)]],
    ];
    for (const [reason, index, rows] of cases) {
      const answer = submit(0, rows);
      expect([answer.status, answer.reason, answer.detail], reason).toEqual(['refused', reason, { row: index }]);
    }
    expect(
      did<SubmissionResult>(c.t, key(0), 'submitTransfers', { period: PERIOD, rows: [good, other] }).accepted,
    ).toBe(2);
  });

  it('refuses a repeated own report, and another amount for it, in a later instalment', () => {
    expect(submit(0, [LOOP[0]]).status).toBe('ok');
    expect(submit(0, [LOOP[0]])).toMatchObject({ status: 'refused', reason: 'duplicate_transfer' });
    expect(submit(0, [row('T-ab', 1, '5:alpha1', '6:bravo1', '11')])).toMatchObject({
      reason: 'same_transfer_reported_with_two_amounts',
    });
  });

  it('tells both banks of a mismatch without the value, and lets the first correct it', () => {
    expect(submit(0, [row('T-ab', 1, '5:alpha1', '6:bravo1', '777.77')]).status).toBe('ok');
    const second = submit(1, [LOOP[1], LOOP[0]]);
    expect(second).toMatchObject({ status: 'refused', reason: 'mismatch', detail: { row: 1, rows: [1] } });
    expect(JSON.stringify(second)).not.toContain('777');
    for (const index of [0, 1]) {
      const open = asked<{ txIds: string[] }>(c.t, key(index), 'myMismatches', { period: PERIOD });
      expect(open).toEqual({ period: PERIOD, txIds: ['T-ab'] });
    }
    expect(asked(c.t, key(2), 'myMismatches', { period: PERIOD })).toEqual({ period: PERIOD, txIds: [] });
    expect(refused(c.t, key(1), 'finishPeriod', { period: PERIOD })).toBe('mismatch_open');
    expect(refused(c.t, key(1), 'correctTransfers', { period: PERIOD, rows: [LOOP[0]] })).toBe('not_correctable');
    const corrected = did<SubmissionResult>(c.t, key(0), 'correctTransfers', { period: PERIOD, rows: [LOOP[0]] });
    expect(corrected.openMismatches).toBe(1);
    expect(
      did<SubmissionResult>(c.t, key(1), 'submitTransfers', { period: PERIOD, rows: [LOOP[1], LOOP[0]] })
        .openMismatches,
    ).toBe(0);
    expect(refused(c.t, key(0), 'correctTransfers', { period: PERIOD, rows: [LOOP[0]] })).toBe('not_correctable');
    expect(did<SubmissionResult>(c.t, key(0), 'finishPeriod', { period: PERIOD })).toMatchObject({
      finished: true,
      openMismatches: 0,
    });
  });

  it("closes a bank's period for good, and shows totals only when all have finished", () => {
    for (const index of [1, 2, 3, 4]) submitAll(c, index, rowsOf(index));
    expect(asked<PeriodStatus>(c.t, key(0), 'periodStatus', { period: PERIOD })).toEqual({
      period: PERIOD,
      finishedBanks: ['B', 'C', 'D', 'E'],
      complete: false,
    });
    agree(c, 'cycle', CYCLE);
    expect(refused(c.t, key(1), 'run', { rule: 'cycle', period: PERIOD })).toBe('period_not_finished');
    submitAll(c, 0, rowsOf(0));
    expect(asked(c.t, REGULATOR, 'periodStatus', { period: PERIOD })).toMatchObject({
      complete: true,
      distinctTransfers: 6,
      reportedTwice: 5,
    });
    expect(submit(0, [row('T9', 1, '5:alpha1', '6:bravo1')])).toMatchObject({ reason: 'period_finished' });
    expect(refused(c.t, key(0), 'finishPeriod', { period: PERIOD })).toBe('period_finished');
    expect(refused(c.t, key(0), 'submitTransfers', { period: 'a b', rows: [] })).toBe('bad_argument');
    expect(
      submit(
        0,
        Array.from({ length: 501 }, (_, index) => row(`X${index}`, 1, '5:a', '6:b')),
      ),
    ).toMatchObject({ reason: 'too_many_rows' });
  });
});

describe('runs and release', () => {
  it('stay within the monthly budget, which a refusal does not give back', () => {
    ready();
    did(c.t, key(0), 'run', { rule: 'cycle', period: PERIOD });
    for (let attempt = 0; attempt < 2; attempt++)
      expect(refused(c.t, key(3), 'run', { rule: 'cycle', period: PERIOD })).toBe('budget_exhausted');
    c.t.setTime(Date.UTC(2026, 0, 31, 23, 59, 59, 999));
    expect(refused(c.t, key(3), 'run', { rule: 'cycle@1', period: PERIOD })).toBe('budget_exhausted');
    c.t.setTime(Date.UTC(2026, 1, 1));
    did(c.t, key(3), 'run', { rule: 'cycle', period: PERIOD });
  });

  it('take no account or other target', () => {
    for (const index of NAMES.keys()) submitAll(c, index, rowsOf(index));
    agree(c, 'cycle', CYCLE);
    expect(refused(c.t, key(0), 'run', { rule: 'cycle', period: PERIOD, account: '6:bravo1' })).toBe(
      'unknown_argument',
    );
    expect(refused(c.t, key(0), 'myAlerts', { account: '6:bravo1' })).toBe('unknown_argument');
  });

  it('show every member the shape and nobody the content before release', () => {
    const view = ready();
    expect(view).toMatchObject({
      runId: 'R1',
      cases: 2,
      shape: { findings: 2, transfers: 6, accounts: 6 },
      status: 'sealed',
      approvals: 0,
      approvalsNeeded: 4,
    });
    for (const caller of [key(0), FIU, REGULATOR]) {
      const shown = JSON.stringify(asked<RunSummary>(c.t, caller, 'summary', { runId: 'R1' }));
      for (const secret of ['alpha1', 'bravo1', 'T-ab', '10.00']) expect(shown).not.toContain(secret);
    }
    approve(c, view, 3);
    did(c.t, key(0), 'release', { subject: 'R1', commitment: view.commitment });
    for (const index of NAMES.keys()) expect(alertsOf(c, index)).toEqual([]);
    expect(refused(c.t, FIU, 'caseFile', { caseId: 'R1-C1', reason: 'case review' })).toBe('unknown_case');
    expect(refused(c.t, key(0), 'feedback', { caseId: 'R1-C1', verdict: 'confirmed' })).toBe('unknown_case');
    expect(asked(c.t, FIU, 'releasedCases', { runId: 'R1' })).toEqual({ caseIds: [] });
    expect(did<ReleaseResult>(c.t, key(4), 'release', { subject: 'R1', commitment: view.commitment }).status).toBe(
      'released',
    );
    expect(alertsOf(c, 0)).toHaveLength(1);
  });

  it('give each bank its own part and the FIU the whole case', () => {
    approve(c, ready(), 4);
    expect(alertsOf(c, 0)).toEqual([
      {
        caseId: 'R1-C1',
        part: 0,
        ruleId: 'cycle@1',
        period: PERIOD,
        window: { fromMinute: 1, toMinute: 3 },
        accounts: ['5:alpha1'],
        transfers: [
          { txId: 'T-ab', minute: 1, from: '5:alpha1', amount: '10.00', currency: 'Euro' },
          { txId: 'T-ca', minute: 3, to: '5:alpha1', amount: '10.00', currency: 'Euro' },
        ],
      },
    ]);
    expect(alertsOf(c, 3)[0]?.transfers).toContainEqual({
      txId: 'T-dd',
      minute: 7,
      from: '13:delta2',
      to: '8:delta1',
      amount: '10.00',
      currency: 'Euro',
    });
    const whole = wholeCase(c, 'R1-C1');
    expect(whole.transfers.map(({ txId, from, to }) => [txId, from, to])).toEqual([
      ['T-ab', '5:alpha1', '6:bravo1'],
      ['T-bc', '6:bravo1', '7:charlie1'],
      ['T-ca', '7:charlie1', '5:alpha1'],
    ]);
    expect(whole.findings).toEqual([{ kind: 'cycle', transfers: [0, 1, 2] }]);
  });

  it('release single cases, check the commitment, and take feedback from involved banks only', () => {
    ready();
    const { caseShapes } = asked<RunSummary>(c.t, key(0), 'summary', { runId: 'R1' });
    const shape = caseShapes[1];
    expect(refused(c.t, key(0), 'release', { subject: 'R1-C2', commitment: caseShapes[0]?.commitment })).toBe(
      'commitment_differs',
    );
    expect(refused(c.t, key(0), 'release', { subject: 'R1-C3', commitment: shape?.commitment })).toBe('unknown_case');
    for (const caller of [FIU, REGULATOR, OUTSIDER])
      expect(refused(c.t, caller, 'release', { subject: 'R1-C2', commitment: shape?.commitment })).toBe('forbidden');
    for (const index of [0, 1, 2, 3])
      did(c.t, key(index), 'release', { subject: 'R1-C2', commitment: shape?.commitment });
    expect(NAMES.map((_, index) => alertsOf(c, index).length)).toEqual([0, 0, 0, 1, 1]);
    expect(asked(c.t, FIU, 'releasedCases', { runId: 'R1' })).toEqual({ caseIds: ['R1-C2'] });
    expect(refused(c.t, FIU, 'caseFile', { caseId: 'R1-C2', reason: '' })).toBe('reason_required');
    expect(refused(c.t, key(3), 'caseFile', { caseId: 'R1-C2', reason: 'case review' })).toBe('forbidden');
    expect(refused(c.t, FIU, 'caseFile', { caseId: 'R1-C2', reason: 'case review', page: 1 })).toBe('bad_argument');
    expect(refused(c.t, key(0), 'feedback', { caseId: 'R1-C2', verdict: 'confirmed' })).toBe('unknown_case');
    expect(refused(c.t, key(3), 'feedback', { caseId: 'R1-C2', verdict: 'maybe' })).toBe('bad_argument');
    did(c.t, key(3), 'feedback', { caseId: 'R1-C2', verdict: 'false_alarm' });
    const file = did<{ feedback: unknown }>(c.t, FIU, 'caseFile', { caseId: 'R1-C2', reason: 'case review' });
    expect(file.feedback).toEqual([{ bank: 'D', verdict: 'false_alarm' }]);
  });

  it('withhold what two banks refuse, and what is not approved in time', () => {
    const view = ready();
    const subject = { subject: 'R1', commitment: view.commitment };
    did(c.t, key(0), 'refuseRelease', subject);
    expect(refused(c.t, key(0), 'release', subject)).toBe('already_refused');
    expect(did<ReleaseResult>(c.t, key(1), 'refuseRelease', subject)).toMatchObject({
      refusals: 2,
      status: 'withheld',
    });
    expect(refused(c.t, key(2), 'release', subject)).toBe('release_withheld');
    const again = did<RunView>(c.t, key(0), 'run', { rule: 'cycle', period: PERIOD });
    expect(again.commitment).toBe(view.commitment);
    c.t.setTime(START_MS + 31 * 86_400_000);
    expect(refused(c.t, key(0), 'release', { subject: 'R2', commitment: again.commitment })).toBe('approval_timed_out');
  });
});

describe('audit', () => {
  it('holds one linked record for every call, allowed and denied, and nothing from the data', () => {
    approve(c, ready(), 4);
    refused(c.t, OUTSIDER, 'run', { rule: 'cycle', period: PERIOD });
    refused(c.t, key(0), 'submitTransfers', { period: PERIOD, rows: [row('T9', 1, '7:charlie1', '6:bravo1')] });
    refused(c.t, key(0), 'proposeRule', { rule: 'cycle', thresholds: { ...CYCLE, min_banks: 1 }, ...CLAUSES });
    refused(c.t, FIU, 'myAlerts');
    alertsOf(c, 0);
    did(c.t, FIU, 'caseFile', { caseId: 'R1-C1', reason: 'suspicious activity report 17' });
    const entries = auditOf(c);
    expect(entries).toHaveLength(5 + 4 + 1 + 4 + 6);
    expect(
      entries.slice(-6).map(({ record }) => [record.who, record.method, record.decision, record.reason ?? '']),
    ).toEqual([
      ['outsider', 'run', 'denied', 'forbidden'],
      ['bank A', 'submitTransfers', 'denied', 'transfer_does_not_touch_the_sender_bank'],
      ['bank A', 'proposeRule', 'denied', 'min_banks_below_two'],
      ['fiu', 'myAlerts', 'denied', 'forbidden'],
      ['bank A', 'myAlerts', 'allowed', ''],
      ['fiu', 'caseFile', 'allowed', ''],
    ]);
    const [alerts, file] = entries.slice(-2).map(({ record }) => record);
    expect(alerts).toMatchObject({ recipients: ['A'] });
    expect(file).toMatchObject({ subject: 'R1-C1', purpose: 'suspicious activity report 17', recipients: ['fiu'] });
    expect(entries.find(({ record }) => record.method === 'run')?.record).toMatchObject({
      subject: 'R1 cycle@1 2022-09',
      purpose: CLAUSES.purpose,
    });
    let previous = '0'.repeat(64);
    entries.forEach((entry, index) => {
      const { sequence, height, timeMs, transactionId, record } = entry;
      expect([sequence, entry.previous]).toEqual([index + 1, previous]);
      previous = createHash('sha256')
        .update(previous + JSON.stringify([sequence, height, timeMs, transactionId, record]))
        .digest('hex');
      expect(entry.hash).toBe(previous);
    });
    const text = JSON.stringify(entries);
    for (const secret of ['alpha1', 'bravo1', 'charlie1', 'T-ab', 'T9', '10.00']) expect(text).not.toContain(secret);
    for (const caller of [key(0), FIU, OUTSIDER]) expect(askedInVain(c.t, caller, 'auditTrail')).toBe('forbidden');
  });

  it('shows outsiders nothing', () => {
    ready();
    for (const [method, args] of [
      ['rules', {}],
      ['runs', {}],
      ['summary', { runId: 'R1' }],
      ['periodStatus', { period: PERIOD }],
      ['myMismatches', { period: PERIOD }],
      ['releasedCases', { runId: 'R1' }],
    ] as const) {
      expect(askedInVain(c.t, OUTSIDER, method, args), method).toBe('forbidden');
    }
    expect(refused(c.t, OUTSIDER, 'myAlerts')).toBe('forbidden');
  });
});
