/**
 * Release of sealed results. A release names a run or one case and its commitment; it opens when enough banks have
 * approved in time, and it is withheld when so many refuse that enough approvals cannot come any more.
 * Invariant: a bank counts once, either as approving or as refusing; a decision once reached does not change.
 */
import { approvals, stateMap, type CallContext } from '../../contracts/index.ts';
import { requireBank } from './access.ts';
import { params } from './parties.ts';
import { deny, fields, textField, type AuditNote } from './request.ts';
import { caseIdOf, cases, parseCaseId, parseRunId, runs, type RunRecord } from './results.ts';
import type { ReleaseResult } from './types.ts';

const approved = approvals('releases');
const refused = approvals('releaseRefusals');
const decisions = stateMap<[subject: string], 'released' | 'withheld'>('releaseDecisions');

/** Where the approval of a subject stands. */
export function approvalState(subject: string, untilMs: number, timeMs: number): Omit<ReleaseResult, 'subject'> {
  const decided = decisions.get(subject);
  return {
    approvals: approved.count(subject),
    refusals: refused.count(subject),
    approvalsNeeded: params().release.approvals_needed,
    status: decided ?? (timeMs > untilMs ? 'withheld' : 'sealed'),
  };
}

/** Whether a case is open to its recipients, by itself or with its run. */
export function isReleased(run: number, caseNumber: number): boolean {
  return decisions.get(`R${run}`) === 'released' || decisions.get(caseIdOf(run, caseNumber)) === 'released';
}

/** Call `release`: a bank approves; with enough approvals the subject is open to its recipients. */
export function release(context: CallContext, args: unknown, note: AuditNote): ReleaseResult {
  const { subject, bank, record } = openSubject(context, args, note);
  if (refused.has(subject, bank)) deny('already_refused');
  const needed = params().release.approvals_needed;
  if (approved.approve(subject, bank) >= needed) {
    decisions.set(subject, 'released');
    note.recipients = record.recipients;
  }
  return { subject, ...approvalState(subject, record.approvableUntilMs, context.timeMs) };
}

/** Call `refuseRelease`: a bank refuses; when too few others are left, the subject stays sealed for good. */
export function refuseRelease(context: CallContext, args: unknown, note: AuditNote): ReleaseResult {
  const { subject, bank, record } = openSubject(context, args, note);
  if (approved.has(subject, bank)) deny('already_approved');
  const { approvals_needed: needed, of } = params().release;
  if (refused.approve(subject, bank) > of - needed) decisions.set(subject, 'withheld');
  return { subject, ...approvalState(subject, record.approvableUntilMs, context.timeMs) };
}

function openSubject(
  context: CallContext,
  args: unknown,
  note: AuditNote,
): { readonly subject: string; readonly bank: string; readonly record: RunRecord } {
  const bank = requireBank(context.caller);
  const given = fields(args, ['subject', 'commitment']);
  const subject = textField(given, 'subject', 2, 32);
  note.subject = subject;
  const commitment = textField(given, 'commitment', 64, 64);
  const inCase = parseCaseId(subject);
  const number = inCase?.[0] ?? parseRunId(subject) ?? deny('unknown_case');
  const record = runs.get(number) ?? deny('unknown_case');
  const committed =
    inCase === undefined ? record.commitment : (cases.get(...inCase) ?? deny('unknown_case')).commitment;
  if (committed !== commitment) deny('commitment_differs');
  const { status } = approvalState(subject, record.approvableUntilMs, context.timeMs);
  if (status === 'withheld')
    deny(context.timeMs > record.approvableUntilMs ? 'approval_timed_out' : 'release_withheld');
  return { subject, bank: bank.name, record };
}
