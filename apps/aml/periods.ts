/**
 * Submitted transfers of a period. One state value a transfer: `reporters TAB the row without its id`, where reporters
 * are bank positions joined by commas; so a second report finds the first by its id and compares one string.
 * Invariants: a transfer is counted once; two reports of it are equal; a bank stores only transfers that touch it.
 * A report that differs is refused, and both banks learn the transfer id through the mismatch log, never the values.
 */
import { auditLog, stateMap, type CallContext, type QueryContext } from '../../contracts/index.ts';
import { requireBank, requireMember } from './access.ts';
import type { TransferColumns } from './detect/graph.ts';
import { params } from './parties.ts';
import { deny, fields, textField, type AuditNote } from './request.ts';
import { checkRows, type CheckedRow } from './rows.ts';
import type { Mismatches, PeriodStatus, SubmissionResult } from './types.ts';

interface PeriodState {
  readonly finished: readonly boolean[];
  readonly distinct: number;
  readonly twice: number;
}
interface MismatchRecord {
  readonly period: string;
  readonly txId: string;
  readonly first: number;
  readonly second: number;
}

const transfers = stateMap<[period: string, txId: string], string>('transfers', { value: 'string' });
const periods = stateMap<[period: string], PeriodState>('periods');
const mismatches = auditLog<MismatchRecord>('mismatches');

const PERIOD = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const MAX_ROWS = 500;

function periodField(given: Readonly<Record<string, unknown>>): string {
  const period = textField(given, 'period', 1, 32);
  return PERIOD.test(period) ? period : deny('bad_argument', { argument: 'period' });
}

function stateOf(period: string): PeriodState {
  return periods.get(period) ?? { finished: params().banks.map(() => false), distinct: 0, twice: 0 };
}

function reportersOf(stored: string): readonly string[] {
  return stored.slice(0, stored.indexOf('\t')).split(',');
}

function bodyOf(stored: string): string {
  return stored.slice(stored.indexOf('\t') + 1);
}

function checkedRows(rows: unknown, bankIndex: number, note: AuditNote): readonly CheckedRow[] {
  if (!Array.isArray(rows)) return deny('bad_argument', { argument: 'rows' });
  note.rows = rows.length;
  if (rows.length > MAX_ROWS) return deny('too_many_rows', { maximum: MAX_ROWS });
  const { ownership, maxMinute } = params();
  const checked = checkRows(rows, { bankIndex, modulus: ownership.modulus, maxMinute });
  if ('reason' in checked) return deny(checked.reason, { row: checked.row });
  return checked;
}

/** Call `submitTransfers`: an instalment of the caller's own transfers, all or nothing. */
export function submitTransfers(context: CallContext, args: unknown, note: AuditNote): SubmissionResult {
  const bank = requireBank(context.caller);
  const given = fields(args, ['period', 'rows', 'final']);
  const period = periodField(given);
  note.subject = period;
  const final = given['final'] ?? false;
  if (typeof final !== 'boolean') deny('bad_argument', { argument: 'final' });
  const rows = checkedRows(given['rows'], bank.index, note);
  const before = stateOf(period);
  if (before.finished[bank.index] === true) deny('period_finished');
  const stored = storeRows(period, bank.index, rows);
  const finished = final === true ? withFinished(period, before.finished, bank.index) : before.finished;
  periods.set(period, { finished, distinct: before.distinct + stored.fresh, twice: before.twice + stored.confirmed });
  return result(period, bank.index, rows.length, final === true);
}

function storeRows(
  period: string,
  bankIndex: number,
  rows: readonly CheckedRow[],
): { fresh: number; confirmed: number } {
  const mine = String(bankIndex);
  const differing: number[] = [];
  let fresh = 0;
  for (let index = 0; index < rows.length; index++) {
    const { txId, body } = rows[index] as CheckedRow;
    const stored = transfers.get(period, txId);
    if (stored === undefined) {
      fresh++;
      transfers.set(period, txId, `${mine}\t${body}`);
      continue;
    }
    const same = bodyOf(stored) === body;
    const reporters = reportersOf(stored);
    if (reporters.includes(mine)) {
      deny(same ? 'duplicate_transfer' : 'same_transfer_reported_with_two_amounts', { row: index });
    }
    if (same) transfers.set(period, txId, `${reporters.join(',')},${mine}\t${body}`);
    else differing.push(index);
  }
  if (differing.length > 0) {
    for (const index of differing) {
      const { txId } = rows[index] as CheckedRow;
      const first = Number(reportersOf(transfers.get(period, txId) ?? '')[0]);
      mismatches.append({ period, txId, first, second: bankIndex });
    }
    deny('mismatch', { row: differing[0], rows: differing });
  }
  return { fresh, confirmed: rows.length - fresh };
}

/** Call `correctTransfers`: replaces own reports that no other bank has confirmed, until every bank has finished. */
export function correctTransfers(context: CallContext, args: unknown, note: AuditNote): SubmissionResult {
  const bank = requireBank(context.caller);
  const given = fields(args, ['period', 'rows']);
  const period = periodField(given);
  note.subject = period;
  const rows = checkedRows(given['rows'], bank.index, note);
  const state = stateOf(period);
  if (state.finished.every(Boolean)) deny('period_finished');
  const mine = String(bank.index);
  rows.forEach(({ txId, body }, row) => {
    const stored = transfers.get(period, txId);
    if (stored === undefined || reportersOf(stored).join() !== mine) deny('not_correctable', { row });
    transfers.set(period, txId, `${mine}\t${body}`);
  });
  return result(period, bank.index, rows.length, state.finished[bank.index] === true);
}

/** Call `finishPeriod`: the caller has no more transfers for the period. */
export function finishPeriod(context: CallContext, args: unknown, note: AuditNote): SubmissionResult {
  const bank = requireBank(context.caller);
  const period = periodField(fields(args, ['period']));
  note.subject = period;
  const state = stateOf(period);
  if (state.finished[bank.index] === true) deny('period_finished');
  periods.set(period, { ...state, finished: withFinished(period, state.finished, bank.index) });
  return result(period, bank.index, 0, true);
}

function withFinished(period: string, finished: readonly boolean[], bankIndex: number): readonly boolean[] {
  if (openMismatches(period, bankIndex, true).length > 0) deny('mismatch_open');
  return finished.map((done, index) => done || index === bankIndex);
}

function result(period: string, bankIndex: number, accepted: number, finished: boolean): SubmissionResult {
  return { period, accepted, finished, openMismatches: openMismatches(period, bankIndex, false).length };
}

/** Ids of transfers still reported differently; with `asSecond`, only those where the bank's own report was refused. */
function openMismatches(period: string, bankIndex: number, asSecond: boolean): readonly string[] {
  if (mismatches.length() === 0) return [];
  const open = new Set<string>();
  for (const { record } of mismatches.entries()) {
    if (record.period !== period || open.has(record.txId)) continue;
    if (record.second !== bankIndex && (asSecond || record.first !== bankIndex)) continue;
    const reporters = reportersOf(transfers.get(period, record.txId) ?? '');
    if (!reporters.includes(String(record.first)) || !reporters.includes(String(record.second))) open.add(record.txId);
  }
  return [...open];
}

/** Query `myMismatches`: the caller's transfers that another bank reports differently, by id only. */
export function myMismatches(context: QueryContext, args: unknown): Mismatches {
  const bank = requireBank(context.caller);
  const period = periodField(fields(args, ['period']));
  return { period, txIds: openMismatches(period, bank.index, false) };
}

/** Query `periodStatus`: who has finished; totals only when all have, so that they tell nothing about one instalment. */
export function periodStatus(context: QueryContext, args: unknown): PeriodStatus {
  requireMember(context.caller);
  const period = periodField(fields(args, ['period']));
  const state = stateOf(period);
  const complete = state.finished.every(Boolean);
  const finishedBanks = params()
    .banks.filter((_, index) => state.finished[index] === true)
    .map((bank) => bank.name);
  const totals = complete ? { distinctTransfers: state.distinct, reportedTwice: state.twice } : {};
  return { period, finishedBanks, complete, ...totals };
}

/** Distinct transfers of a complete period in order of id: columns for the graph, and each row's full text. */
export interface LoadedPeriod {
  readonly columns: TransferColumns;
  readonly txIds: readonly string[];
  readonly bodies: readonly string[];
}

/** Loads a period for a run; denies while some bank has not finished. */
export function loadPeriod(given: Readonly<Record<string, unknown>>): LoadedPeriod & { readonly period: string } {
  const period = periodField(given);
  if (!stateOf(period).finished.every(Boolean)) deny('period_not_finished');
  const txIds: string[] = [];
  const bodies: string[] = [];
  const minute: number[] = [];
  const [fromBank, fromAccount, toBank, toAccount]: [string[], string[], string[], string[]] = [[], [], [], []];
  for (const [[, txId], stored] of transfers.entries({ prefix: [period] })) {
    const row = stored.split('\t');
    txIds.push(txId);
    bodies.push(stored);
    minute.push(Number(row[1]));
    fromBank.push(row[2] as string);
    fromAccount.push(row[3] as string);
    toBank.push(row[4] as string);
    toAccount.push(row[5] as string);
  }
  return { period, txIds, bodies, columns: { minute, fromBank, fromAccount, toBank, toAccount } };
}
