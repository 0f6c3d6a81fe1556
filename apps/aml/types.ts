/**
 * What crosses the boundary of the AML contract: arguments and results of every method, as JSON. Typed wallet clients
 * import this file; it holds types, plus the one helper that turns a CSV record into a submitted row.
 */
import type { RuleName } from './detect/rules.ts';

export type { RuleName } from './detect/rules.ts';
export type { CycleThresholds } from './detect/cycle.ts';
export type { FanThresholds } from './detect/fan.ts';
export type { ScatterGatherThresholds } from './detect/scatter-gather.ts';

/** Deployment parameters. A bank at position `i` owns every account whose bank number is `i` modulo `ownership.modulus`. */
export interface AmlParams {
  readonly banks: readonly { readonly name: string; readonly key: string }[];
  readonly fiu: string;
  readonly regulator: string;
  readonly release: { readonly approvals_needed: number; readonly of: number };
  readonly ownership: { readonly modulus: number };
  /** Largest minute of a transfer; a year unless told. */
  readonly maxMinute?: number;
  /** How long a run waits for release approvals; 30 days unless told. */
  readonly releaseWithinDays?: number;
}

/** Columns of a submitted row, in order. */
export const TRANSFER_COLUMNS = [
  'tx_id',
  'minute',
  'from_bank',
  'from_account',
  'to_bank',
  'to_account',
  'amount_paid',
  'pay_currency',
  'amount_received',
  'recv_currency',
  'format',
] as const;

/** One submitted transfer: the text of each column, in the order of TRANSFER_COLUMNS. */
export type TransferRow = readonly string[];

/** Turns a record with named columns into a row; a missing column becomes the empty text, which the contract refuses. */
export function transferRow(record: Readonly<Record<string, string>>): TransferRow {
  return TRANSFER_COLUMNS.map((column) => record[column] ?? '');
}

/** Arguments of the call `proposeRule`. The proposal is its bank's signature. */
export interface ProposeRuleArgs {
  readonly rule: RuleName;
  readonly thresholds: Readonly<Record<string, number>>;
  /** Why the rule is run, and the legal gateway that allows it: part of what the banks sign. */
  readonly purpose: string;
  readonly legalBasis: string;
  readonly expiresAtMs: number;
  /** Runs allowed in one calendar month (UTC). */
  readonly runsPerMonth: number;
}
/** Arguments of the call `approveRule`. */
export interface ApproveRuleArgs {
  readonly ruleId: string;
}
/** A rule version as the members see it; result of `proposeRule` and `approveRule`, element of the query `rules`. */
export interface RuleView extends ProposeRuleArgs {
  /** `<rule>@<version>`. */
  readonly ruleId: string;
  readonly version: number;
  readonly proposedBy: string;
  readonly signedBy: readonly string[];
  readonly signaturesNeeded: number;
  readonly active: boolean;
}

/** Arguments of the calls `submitTransfers` (all or nothing) and `correctTransfers` (`final` is not allowed there). */
export interface SubmitTransfersArgs {
  readonly period: string;
  readonly rows: readonly TransferRow[];
  readonly final?: boolean;
}
/** Result of `submitTransfers`, `correctTransfers` and `finishPeriod`. */
export interface SubmissionResult {
  readonly period: string;
  readonly accepted: number;
  readonly finished: boolean;
  /** Transfers that two banks report differently and of which this bank reported one: see `myMismatches`. */
  readonly openMismatches: number;
}
/** Arguments of the call `finishPeriod` and of the queries `periodStatus` and `myMismatches`. */
export interface PeriodArgs {
  readonly period: string;
}
/** Result of the query `periodStatus`; the totals appear when every bank has finished. */
export interface PeriodStatus {
  readonly period: string;
  readonly finishedBanks: readonly string[];
  readonly complete: boolean;
  readonly distinctTransfers?: number;
  readonly reportedTwice?: number;
}
/** Result of the query `myMismatches`: own transfers that another bank reports differently. */
export interface Mismatches {
  readonly period: string;
  readonly txIds: readonly string[];
}

/** Arguments of the call `run`; `rule` is a name (newest active version) or a rule id. */
export interface RunArgs {
  readonly rule: string;
  readonly period: string;
}
/** The shape of a result: counts and sizes, no content. */
export interface Shape {
  readonly findings: number;
  readonly transfers: number;
  readonly accounts: number;
  readonly bytes: number;
}
/** Result of the call `run`; element of the query `runs`. */
export interface RunView {
  /** `R<number>`. */
  readonly runId: string;
  readonly ruleId: string;
  readonly period: string;
  readonly startedBy: string;
  readonly atMs: number;
  readonly cases: number;
  readonly shape: Shape;
  /** SHA-256 over the commitments of the cases: what approvers sign, with the recipients. */
  readonly commitment: string;
  readonly recipients: readonly string[];
  readonly approvals: number;
  readonly approvalsNeeded: number;
  readonly approvableUntilMs: number;
  readonly status: 'sealed' | 'released' | 'withheld';
}
/** Arguments of the query `summary`; pages by case number. */
export interface SummaryArgs {
  readonly runId: string;
  readonly afterCase?: number;
}
/** Result of the query `summary`: the run and the shapes of up to 200 of its cases. */
export interface RunSummary extends RunView {
  readonly caseShapes: readonly (Shape & {
    readonly caseId: string;
    readonly commitment: string;
    readonly released: boolean;
  })[];
  readonly nextAfterCase?: number;
}

/** Arguments of the calls `release` and `refuseRelease`: a run or one case, and its commitment. */
export interface ReleaseArgs {
  readonly subject: string;
  readonly commitment: string;
}
/** Result of `release` and `refuseRelease`. */
export interface ReleaseResult {
  readonly subject: string;
  readonly approvals: number;
  readonly refusals: number;
  readonly approvalsNeeded: number;
  readonly status: 'sealed' | 'released' | 'withheld';
}

/** Arguments of the call `myAlerts`; `after` is the `next` of the answer before. */
export interface MyAlertsArgs {
  readonly after?: AlertCursor;
}
/** Where the next page of alerts begins: run, case and part. */
export type AlertCursor = readonly [run: number, caseNumber: number, part: number];
/** A bank's own part of a released case. A case with many own transfers comes in several parts. */
export interface Alert {
  readonly caseId: string;
  readonly part: number;
  readonly ruleId: string;
  readonly period: string;
  readonly window: { readonly fromMinute: number; readonly toMinute: number };
  /** Own accounts in this part, `bank:account`. */
  readonly accounts: readonly string[];
  /** Own transfers: those from or to an own account. Only own accounts are named. */
  readonly transfers: readonly OwnTransfer[];
}
/** A transfer as one bank sees it in an alert: `from` and `to` are present only for own accounts. */
export interface OwnTransfer {
  readonly txId: string;
  readonly minute: number;
  readonly from?: string;
  readonly to?: string;
  readonly amount: string;
  readonly currency: string;
}
/** Result of the call `myAlerts`. */
export interface MyAlerts {
  readonly alerts: readonly Alert[];
  readonly next?: AlertCursor;
}

/** Arguments of the call `caseFile`; the stated reason goes into the audit trail. Pages count from 0. */
export interface CaseFileArgs {
  readonly caseId: string;
  readonly reason: string;
  readonly page?: number;
}
/** A transfer in a case file. */
export interface CaseTransfer {
  readonly txId: string;
  readonly minute: number;
  readonly from: string;
  readonly to: string;
  readonly amountPaid: string;
  readonly payCurrency: string;
  readonly amountReceived: string;
  readonly recvCurrency: string;
  readonly format: string;
}
/** A finding in a case file; `transfers` are positions in the case's list of transfers over all pages. */
export type CaseFinding =
  | { readonly kind: 'cycle'; readonly transfers: readonly number[] }
  | {
      readonly kind: 'fan';
      readonly account: string;
      readonly counterparties: number;
      readonly transfers: readonly number[];
    }
  | {
      readonly kind: 'scatter_gather';
      readonly source: string;
      readonly sink: string;
      readonly middlemen: number;
      readonly transfers: readonly number[];
    };
/** Result of the call `caseFile`. */
export interface CaseFile {
  readonly caseId: string;
  readonly ruleId: string;
  readonly period: string;
  readonly purpose: string;
  readonly legalBasis: string;
  readonly window: { readonly fromMinute: number; readonly toMinute: number };
  readonly page: number;
  readonly pages: number;
  readonly transfers: readonly CaseTransfer[];
  readonly findings: readonly CaseFinding[];
  readonly feedback: readonly { readonly bank: string; readonly verdict: Verdict }[];
}
/** Result of the query `releasedCases` (financial intelligence unit); arguments `SummaryArgs`. */
export interface ReleasedCases {
  readonly caseIds: readonly string[];
  readonly nextAfterCase?: number;
}

/** What the owning bank found when it looked at an alert. */
export type Verdict = 'false_alarm' | 'confirmed';
/** Arguments of the call `feedback`. */
export interface FeedbackArgs {
  readonly caseId: string;
  readonly verdict: Verdict;
}
/** Result of the call `feedback`. */
export interface FeedbackResult extends FeedbackArgs {
  readonly bank: string;
}

/** Arguments of the query `auditTrail`. */
export interface AuditTrailArgs {
  readonly afterSequence?: number;
  readonly limit?: number;
}
/** One request in the audit trail: no account, transfer or amount ever stands in it. */
export interface AuditRecord {
  readonly method: string;
  /** `bank <name>`, `fiu`, `regulator` or `outsider`. */
  readonly who: string;
  readonly caller: string;
  readonly decision: 'allowed' | 'denied' | 'failed';
  /** Reason code of a denial. */
  readonly reason?: string;
  /** Rule, period, run or case the request was about. */
  readonly subject?: string;
  /** Purpose of the rule, or the stated reason of the financial intelligence unit. */
  readonly purpose?: string;
  /** Number of rows handed in. */
  readonly rows?: number;
  /** Who may read something because of this request. */
  readonly recipients?: readonly string[];
}
/** Result of the query `auditTrail`: entries link to one another by SHA-256 (contracts/audit.ts). */
export interface AuditTrail {
  readonly entries: readonly {
    readonly sequence: number;
    readonly height: number;
    readonly timeMs: number;
    readonly transactionId: string;
    readonly record: AuditRecord;
    readonly previous: string;
    readonly hash: string;
  }[];
  readonly length: number;
}
