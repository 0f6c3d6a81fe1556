/**
 * What the recipients of released results see: a bank its own part, the financial intelligence unit the whole case with
 * a stated reason, the regulator the audit trail. A case that does not exist, is sealed, or has no part for the caller
 * gives one and the same answer.
 */
import { stateMap, type CallContext, type QueryContext } from '../../contracts/index.ts';
import { requireBank, requireRole } from './access.ts';
import { params } from './parties.ts';
import { isReleased } from './release.ts';
import { auditTrail, deny, fields, numberField, textField, type AuditNote } from './request.ts';
import { termsOf } from './rulebook.ts';
import {
  caseIdOf,
  casePages,
  cases,
  ownAlerts,
  parseCaseId,
  parseRunId,
  runs,
  type CaseRecord,
  type RunRecord,
} from './results.ts';
import type {
  Alert,
  AlertCursor,
  AuditTrail,
  CaseFile,
  CaseFinding,
  CaseTransfer,
  FeedbackResult,
  MyAlerts,
  ReleasedCases,
  Verdict,
} from './types.ts';

const verdicts = stateMap<[run: number, caseNumber: number, bank: number], Verdict>('verdicts');

const ALERT_PAGE_CHARACTERS = 40_000;
const CASES_A_PAGE = 500;
const AUDIT_PAGE = 100;

/** Call `myAlerts`: the caller's own part of every released case, in pages; who read it and when goes into the audit. */
export function myAlerts(context: CallContext, args: unknown, note: AuditNote): MyAlerts {
  const bank = requireBank(context.caller);
  note.recipients = [bank.name];
  const from = cursorField(fields(args, ['after'])['after']);
  const alerts: Alert[] = [];
  let size = 0;
  for (const [[, run, caseNumber, part], own] of ownAlerts.entries({
    prefix: [bank.index],
    from: [bank.index, ...from],
  })) {
    if (!isReleased(run, caseNumber)) continue;
    const { ruleId, period } = runs.get(run) as RunRecord;
    const { window } = cases.get(run, caseNumber) as CaseRecord;
    const alert: Alert = { caseId: caseIdOf(run, caseNumber), part, ruleId, period, window, ...own };
    size += JSON.stringify(alert).length;
    if (alerts.length > 0 && size > ALERT_PAGE_CHARACTERS) return { alerts, next: [run, caseNumber, part] };
    alerts.push(alert);
  }
  return { alerts };
}

function cursorField(value: unknown): AlertCursor {
  if (value === undefined) return [0, 0, 0];
  if (!Array.isArray(value) || value.length !== 3 || !value.every((part) => Number.isSafeInteger(part) && part >= 0)) {
    return deny('bad_argument', { argument: 'after' });
  }
  return value as unknown as AlertCursor;
}

/** Call `caseFile`: the financial intelligence unit reads a page of a released case; the reason goes into the audit. */
export function caseFile(context: CallContext, args: unknown, note: AuditNote): CaseFile {
  requireRole(context.caller, 'fiu');
  const given = fields(args, ['caseId', 'reason', 'page']);
  const caseId = textField(given, 'caseId', 5, 32);
  note.subject = caseId;
  const reason = given['reason'];
  if (typeof reason !== 'string' || reason.trim().length < 5 || reason.length > 500) return deny('reason_required');
  note.purpose = reason;
  const [run, caseNumber] = releasedCase(caseId);
  const { ruleId, period } = runs.get(run) as RunRecord;
  const { pages, window } = cases.get(run, caseNumber) as CaseRecord;
  const page = numberField(given, 'page', 0, pages - 1, 0);
  const content = JSON.parse(casePages.get(run, caseNumber, page) ?? deny('unknown_case')) as {
    transfers: readonly CaseTransfer[];
    findings: readonly CaseFinding[];
  };
  note.recipients = ['fiu'];
  const { banks } = params();
  const feedback = [...verdicts.entries({ prefix: [run, caseNumber] })].map(([[, , bank], verdict]) => ({
    bank: banks[bank]?.name ?? '',
    verdict,
  }));
  return { caseId, ruleId, period, ...termsOf(ruleId), window, page, pages, ...content, feedback };
}

function releasedCase(caseId: string): readonly [run: number, caseNumber: number] {
  const parts = parseCaseId(caseId) ?? deny('unknown_case');
  return cases.has(...parts) && isReleased(...parts) ? parts : deny('unknown_case');
}

/** Query `releasedCases`: the ids of a run's released cases, for the financial intelligence unit. */
export function releasedCases(context: QueryContext, args: unknown): ReleasedCases {
  requireRole(context.caller, 'fiu');
  const given = fields(args, ['runId', 'afterCase']);
  const run = parseRunId(textField(given, 'runId', 2, 16)) ?? deny('unknown_run');
  const after = numberField(given, 'afterCase', 0, 1_000_000, 0);
  const total = (runs.get(run) ?? deny('unknown_run')).cases;
  const end = Math.min(total, after + CASES_A_PAGE);
  const caseIds: string[] = [];
  for (let caseNumber = after + 1; caseNumber <= end; caseNumber++) {
    if (isReleased(run, caseNumber)) caseIds.push(caseIdOf(run, caseNumber));
  }
  return { caseIds, ...(end < total ? { nextAfterCase: end } : {}) };
}

/** Call `feedback`: a bank with a part in a released case says what its review found; it may change its mind. */
export function feedback(context: CallContext, args: unknown, note: AuditNote): FeedbackResult {
  const bank = requireBank(context.caller);
  const given = fields(args, ['caseId', 'verdict']);
  const caseId = textField(given, 'caseId', 5, 32);
  note.subject = caseId;
  const verdict = given['verdict'];
  if (verdict !== 'false_alarm' && verdict !== 'confirmed') return deny('bad_argument', { argument: 'verdict' });
  const [run, caseNumber] = releasedCase(caseId);
  if ((cases.get(run, caseNumber) as CaseRecord).banks.indexOf(bank.index) < 0) deny('unknown_case');
  verdicts.set(run, caseNumber, bank.index, verdict);
  note.recipients = ['fiu'];
  return { caseId, verdict, bank: bank.name };
}

/** Query `auditTrail`: the regulator reads the records in order, in pages. */
export function readAuditTrail(context: QueryContext, args: unknown): AuditTrail {
  requireRole(context.caller, 'regulator');
  const given = fields(args, ['afterSequence', 'limit']);
  const after = numberField(given, 'afterSequence', 0, Number.MAX_SAFE_INTEGER - 1, 0);
  const limit = numberField(given, 'limit', 1, AUDIT_PAGE, AUDIT_PAGE);
  return { entries: [...auditTrail.entries({ from: after + 1, limit })], length: auditTrail.length() };
}
