/**
 * Runs: detection over a complete period within the rule's budget. The result stays in state, sealed like all state;
 * everybody, the starter included, sees its shape and its commitment until enough banks have released it.
 */
import { sha256, stateCounter, type CallContext, type QueryContext } from '../../contracts/index.ts';
import { requireBank, requireMember } from './access.ts';
import { groupFindings, type FindingGroup } from './detect/cases.ts';
import { buildGraph, type TransferGraph } from './detect/graph.ts';
import { detect } from './detect/rules.ts';
import { type Dossier, writeDossier } from './dossier.ts';
import { params } from './parties.ts';
import { type LoadedPeriod, loadPeriod } from './periods.ts';
import { approvalState } from './release.ts';
import { deny, fields, numberField, textField, type AuditNote } from './request.ts';
import { caseIdOf, casePages, type CaseRecord, cases, ownAlerts, parseRunId, type RunRecord, runs } from './results.ts';
import { activeRule, spendRun } from './rulebook.ts';
import type { RunSummary, RunView } from './types.ts';

const runCount = stateCounter('runCount');

const MAX_FINDINGS = 20_000;
const DAY_MS = 86_400_000;
const CASES_A_PAGE = 200;

/** Call `run`: any bank. Spends the budget; the answer is the shape that every member may see. */
export function run(context: CallContext, args: unknown, note: AuditNote): RunView {
  const bank = requireBank(context.caller);
  const given = fields(args, ['rule', 'period']);
  const asked = textField(given, 'rule', 1, 64);
  note.subject = `${asked} ${String(given['period']).slice(0, 32)}`;
  const active = activeRule(asked, context.timeMs);
  note.purpose = active.purpose;
  const loaded = loadPeriod(given);
  note.subject = `${active.ruleId} ${loaded.period}`;
  spendRun(active, context.timeMs);
  const graph = buildGraph(loaded.columns);
  const findings = detect(graph, active.rule, MAX_FINDINGS) ?? deny('too_many_findings', { maximum: MAX_FINDINGS });
  const number = runCount.add();
  note.subject = `R${number} ${note.subject}`;
  const stored = storeCases(number, graph, loaded, groupFindings(graph, findings));
  const { banks, releaseWithinDays } = params();
  const record: RunRecord = {
    ...stored,
    ruleId: active.ruleId,
    period: loaded.period,
    startedBy: bank.name,
    atMs: context.timeMs,
    recipients: [...banks.map(({ name }) => `bank ${name}: own part`), 'fiu: whole case'],
    approvableUntilMs: context.timeMs + releaseWithinDays * DAY_MS,
  };
  runs.set(number, record);
  return viewRun(number, record, context.timeMs);
}

function storeCases(
  run: number,
  graph: TransferGraph,
  loaded: LoadedPeriod,
  groups: readonly FindingGroup[],
): Pick<RunRecord, 'cases' | 'shape' | 'commitment'> {
  const { modulus } = params().ownership;
  const commitments: string[] = [];
  const accounts = new Set<number>();
  let [findings, transfers, bytes] = [0, 0, 0];
  groups.forEach((group, index) => {
    const dossier = writeDossier(graph, loaded, group, modulus);
    const record = caseRecord(dossier, group.findings.length);
    const caseNumber = index + 1;
    cases.set(run, caseNumber, record);
    for (const [pageNumber, page] of dossier.pages.entries()) casePages.set(run, caseNumber, pageNumber, page);
    for (const [bank, parts] of dossier.own) {
      for (const [part, own] of parts.entries()) ownAlerts.set(bank, run, caseNumber, part, own);
    }
    commitments.push(record.commitment);
    for (const edge of group.edges) accounts.add(graph.from[edge] as number).add(graph.to[edge] as number);
    findings += record.findings;
    transfers += record.transfers;
    bytes += record.bytes;
  });
  return {
    cases: groups.length,
    shape: { findings, transfers, accounts: accounts.size, bytes },
    commitment: sha256(commitments.join('\n')),
  };
}

function caseRecord(dossier: Dossier, findings: number): CaseRecord {
  const text = dossier.pages.join('\n');
  return {
    findings,
    transfers: dossier.transferCount,
    accounts: dossier.accountCount,
    bytes: text.length,
    commitment: sha256(text),
    pages: dossier.pages.length,
    window: dossier.window,
    banks: [...dossier.own.keys()].sort((left, right) => left - right),
  };
}

function viewRun(number: number, record: RunRecord, timeMs: number): RunView {
  const { approvals, approvalsNeeded, status } = approvalState(`R${number}`, record.approvableUntilMs, timeMs);
  return { runId: `R${number}`, ...record, approvals, approvalsNeeded, status };
}

/** Query `runs`: every run's shape, for any member, newest last. */
export function listRuns(context: QueryContext, args: unknown): readonly RunView[] {
  requireMember(context.caller);
  fields(args, []);
  return [...runs.entries()].map(([[number], record]) => viewRun(number, record, context.timeMs));
}

/** Query `summary`: a run with the shapes of its cases, for any member. */
export function summary(context: QueryContext, args: unknown): RunSummary {
  requireMember(context.caller);
  const given = fields(args, ['runId', 'afterCase']);
  const number = parseRunId(textField(given, 'runId', 2, 16)) ?? deny('unknown_run');
  const after = numberField(given, 'afterCase', 0, 1_000_000, 0);
  const record = runs.get(number) ?? deny('unknown_run');
  const view = viewRun(number, record, context.timeMs);
  const shapes = [...cases.entries({ prefix: [number], from: [number, after + 1], limit: CASES_A_PAGE })].map(
    ([[, caseNumber], entry]) => {
      const { findings, transfers, accounts, bytes, commitment } = entry;
      const caseId = caseIdOf(number, caseNumber);
      const released =
        view.status === 'released' ||
        approvalState(caseId, record.approvableUntilMs, context.timeMs).status === 'released';
      return { caseId, findings, transfers, accounts, bytes, commitment, released };
    },
  );
  const lastShown = after + shapes.length;
  return { ...view, caseShapes: shapes, ...(lastShown < record.cases ? { nextAfterCase: lastShown } : {}) };
}
