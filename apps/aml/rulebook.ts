/**
 * Rules as agreements: name, thresholds, purpose, legal basis, expiry and monthly budget are signed together, and every
 * change is a new version with new signatures. Versions are never changed or removed, so an old case can be run again.
 */
import { approvals, budgets, stateMap, type CallContext, type QueryContext } from '../../contracts/index.ts';
import { requireBank, requireMember } from './access.ts';
import { isRuleName, readRule, type Rule } from './detect/rules.ts';
import { params } from './parties.ts';
import { deny, fields, numberField, textField, type AuditNote } from './request.ts';
import type { ProposeRuleArgs, RuleView } from './types.ts';

interface RuleRecord extends ProposeRuleArgs {
  readonly proposedBy: string;
}

const ruleVersions = stateMap<[rule: string, version: number], RuleRecord>('rules');
const signatures = approvals('rules');
const runBudget = budgets('runs');

const RULE_ID = /^([a-z_]{1,32})@([1-9][0-9]{0,5})$/;

function newestVersion(rule: string): number {
  for (const [[, version]] of ruleVersions.entries({ prefix: [rule], reverse: true, limit: 1 })) return version;
  return 0;
}

function isActive(ruleId: string, record: RuleRecord, timeMs: number): boolean {
  return signatures.reached(ruleId, params().release.approvals_needed) && timeMs < record.expiresAtMs;
}

function view(rule: string, version: number, record: RuleRecord, timeMs: number): RuleView {
  const ruleId = `${rule}@${version}`;
  return {
    ...record,
    ruleId,
    version,
    signedBy: signatures.approvers(ruleId),
    signaturesNeeded: params().release.approvals_needed,
    active: isActive(ruleId, record, timeMs),
  };
}

/** Call `proposeRule`: any bank; the proposal counts as its signature. */
export function proposeRule(context: CallContext, args: unknown, note: AuditNote): RuleView {
  const bank = requireBank(context.caller);
  const given = fields(args, ['rule', 'thresholds', 'purpose', 'legalBasis', 'expiresAtMs', 'runsPerMonth']);
  const name = given['rule'];
  if (!isRuleName(name)) return deny('unknown_rule');
  note.subject = name;
  const rule = readRule(name, given['thresholds']);
  if (typeof rule === 'string') return deny(rule);
  const record: RuleRecord = {
    rule: name,
    thresholds: { ...rule.thresholds },
    purpose: textField(given, 'purpose', 5, 500),
    legalBasis: textField(given, 'legalBasis', 5, 500),
    expiresAtMs: numberField(given, 'expiresAtMs', context.timeMs + 1, Number.MAX_SAFE_INTEGER),
    runsPerMonth: numberField(given, 'runsPerMonth', 1, 1000),
    proposedBy: bank.name,
  };
  const version = newestVersion(name) + 1;
  note.subject = `${name}@${version}`;
  note.purpose = record.purpose;
  ruleVersions.set(name, version, record);
  signatures.approve(note.subject, bank.name);
  return view(name, version, record, context.timeMs);
}

/** Call `approveRule`: a bank signs a version; signing twice counts once. */
export function approveRule(context: CallContext, args: unknown, note: AuditNote): RuleView {
  const bank = requireBank(context.caller);
  const ruleId = textField(fields(args, ['ruleId']), 'ruleId', 1, 64);
  note.subject = ruleId;
  const { name, version, record } = findVersion(ruleId) ?? deny('unknown_rule');
  if (context.timeMs >= record.expiresAtMs) deny('rule_expired');
  note.purpose = record.purpose;
  signatures.approve(ruleId, bank.name);
  return view(name, version, record, context.timeMs);
}

function findVersion(ruleId: string): { name: string; version: number; record: RuleRecord } | undefined {
  const parts = RULE_ID.exec(ruleId);
  if (parts === null) return undefined;
  const name = parts[1] as string;
  const version = Number(parts[2]);
  const record = ruleVersions.get(name, version);
  return record === undefined ? undefined : { name, version, record };
}

/** Query `rules`: every version with its signatures, for any member. */
export function listRules(context: QueryContext, args: unknown): readonly RuleView[] {
  requireMember(context.caller);
  fields(args, []);
  return [...ruleVersions.entries()].map(([[name, version], record]) => view(name, version, record, context.timeMs));
}

/** An active rule version, as a run uses it. */
export interface ActiveRule {
  readonly ruleId: string;
  readonly rule: Rule;
  readonly purpose: string;
  readonly legalBasis: string;
  readonly runsPerMonth: number;
}

/** Finds the rule version of a run by id, or the newest active one by name. */
export function activeRule(asked: string, timeMs: number): ActiveRule {
  if (isRuleName(asked)) {
    for (const [[, version], record] of ruleVersions.entries({ prefix: [asked], reverse: true })) {
      const ruleId = `${asked}@${version}`;
      if (isActive(ruleId, record, timeMs)) return toActive(ruleId, record);
    }
    return deny('rule_not_active');
  }
  const found = findVersion(asked);
  if (found === undefined) return deny('unknown_rule');
  if (timeMs >= found.record.expiresAtMs) return deny('rule_expired');
  return isActive(asked, found.record, timeMs) ? toActive(asked, found.record) : deny('rule_not_active');
}

function toActive(ruleId: string, record: RuleRecord): ActiveRule {
  const rule = readRule(record.rule, record.thresholds);
  if (typeof rule === 'string') return deny(rule);
  const { purpose, legalBasis, runsPerMonth } = record;
  return { ruleId, rule, purpose, legalBasis, runsPerMonth };
}

/** Purpose and legal basis of a version that a run has used. */
export function termsOf(ruleId: string): { readonly purpose: string; readonly legalBasis: string } {
  const { purpose, legalBasis } = findVersion(ruleId)?.record ?? deny('unknown_rule');
  return { purpose, legalBasis };
}

/** Takes one run from the rule's budget of the calendar month (UTC); all versions of a rule share it. */
export function spendRun(active: ActiveRule, timeMs: number): void {
  const month = monthOf(timeMs);
  const { name } = active.rule;
  if (runBudget.used(month, name) >= active.runsPerMonth) deny('budget_exhausted');
  runBudget.spend(month, name, active.runsPerMonth);
}

/** Months since 1970-01 at a time (civil calendar in eras of 400 years beginning on 1 March). */
export function monthOf(timeMs: number): number {
  const days = Math.floor(timeMs / 86_400_000) + 719_468;
  const era = Math.floor(days / 146_097);
  const dayOfEra = days - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  return (era * 400 + yearOfEra - 1970) * 12 + monthFromMarch + 2;
}
