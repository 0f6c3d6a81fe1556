/**
 * What the parties read after release, and the figures that follow from it. Each figure comes from the party that is
 * entitled to it: totals from the period's status, findings from the case files of the financial intelligence unit,
 * alerts from each bank, the record of all requests from the regulator.
 */
import { createHash } from 'node:crypto';
import type { Alert, AlertCursor, AuditTrail, CaseFile, CaseFinding, CaseTransfer } from '../../apps/aml/types.ts';
import { stateJson } from '../../contracts/json.ts';
import { PERIOD, type Consortium } from './consortium.ts';
import type { ReleasedRun } from './detection.ts';
import type { Party } from './party.ts';

/** Figures of the demonstration, as `--json` prints them. */
export interface AmlResults {
  readonly distinctTransfers: number;
  readonly reportedTwice: number;
  readonly cycles: number;
  readonly cycleTransfers: number;
  readonly cycleAccounts: number;
  readonly cyclesSha256: string;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly scatterGather: number;
  readonly perBank: Readonly<Record<string, { readonly alerts: number; readonly foreignAccounts: number }>>;
}

/** A whole case over all pages. */
export interface WholeCase {
  readonly ruleId: string;
  readonly transfers: readonly CaseTransfer[];
  readonly findings: readonly CaseFinding[];
  readonly feedback: CaseFile['feedback'];
  /** SHA-256 of the pages: what the banks' approvals named. */
  readonly commitment: string;
}

const REASON = 'Review of a case that the banks released.';
/** Case files read at once. */
const READERS = 16;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The alerts of a bank, over all pages. */
export async function alertsOf(bank: Party): Promise<readonly Alert[]> {
  const alerts: Alert[] = [];
  for (let after: AlertCursor | undefined; ; ) {
    const page = (await bank.aml.call.myAlerts(after === undefined ? {} : { after })).result;
    alerts.push(...page.alerts);
    if (page.next === undefined) return alerts;
    after = page.next;
  }
}

/** Accounts in a bank's alerts that are not its own: qualified ones by their bank number, names by who uses them. */
export function foreignAccountsIn(alerts: readonly Alert[], bankIndex: number, data: Consortium['data']): number {
  const modulus = data.banks.length;
  const isOwn = (bankNumber: string): boolean => Number(bankNumber) % modulus === bankIndex;
  const [own, foreign] = [new Set<string>(), new Set<string>()];
  for (const { rows } of data.banks) {
    for (const [, , fromBank = '', fromAccount = '', toBank = '', toAccount = ''] of rows) {
      (isOwn(fromBank) ? own : foreign).add(fromAccount);
      (isOwn(toBank) ? own : foreign).add(toAccount);
    }
  }
  const found = new Set<string>();
  for (const { accounts, transfers } of alerts) {
    for (const account of [...accounts, ...transfers.flatMap(({ from, to }) => [from, to])]) {
      if (account !== undefined && !isOwn(account.slice(0, account.indexOf(':')))) found.add(account);
    }
  }
  for (const text of JSON.stringify(alerts).split(/[^0-9A-Za-z]+/))
    if (foreign.has(text) && !own.has(text) && /[A-Za-z]|\d{6}/.test(text)) found.add(text);
  return found.size;
}

/** The financial intelligence unit reads every released case, page by page, each with a stated reason. */
export async function readCases(
  { fiu, progress, checks }: Consortium,
  runs: readonly ReleasedRun[],
): Promise<readonly WholeCase[]> {
  const ids = (await Promise.all(runs.map(({ view }) => releasedCaseIds(fiu, view.runId)))).flat();
  const phase = progress.phase('Financial intelligence unit reads the cases', ids.length);
  const cases: WholeCase[] = [];
  const waiting = ids.entries();
  const reader = async (): Promise<void> => {
    for (const [index, caseId] of waiting) {
      cases[index] = await readCase(fiu, caseId);
      phase.step();
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  phase.end();
  const perRun = runs.map(({ view }) => ({ view, read: cases.filter(({ ruleId }) => ruleId === view.ruleId) }));
  for (const { view, read } of perRun) {
    checks.equal(`every case of ${view.runId} was released`, read.length, view.cases);
    checks.equal(
      `the case files of ${view.runId} are what the banks approved`,
      sha256(read.map(({ commitment }) => commitment).join('\n')),
      view.commitment,
    );
    checks.equal(
      `the findings of ${view.runId} are as many as its shape says`,
      read.flatMap(({ findings }) => findings).length,
      view.shape.findings,
    );
  }
  return cases;
}

async function releasedCaseIds(fiu: Party, runId: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let afterCase: number | undefined; ; ) {
    const page = (await fiu.aml.query.releasedCases(afterCase === undefined ? { runId } : { runId, afterCase })).result;
    ids.push(...page.caseIds);
    if (page.nextAfterCase === undefined) return ids;
    afterCase = page.nextAfterCase;
  }
}

async function readCase(fiu: Party, caseId: string): Promise<WholeCase> {
  const pages: CaseFile[] = [];
  do pages.push((await fiu.aml.call.caseFile({ caseId, reason: REASON, page: pages.length })).result);
  while (pages.length < (pages[0]?.pages ?? 0));
  const texts = pages.map(({ transfers, findings }) => JSON.stringify({ transfers, findings }));
  return {
    ruleId: pages[0]?.ruleId ?? '',
    transfers: pages.flatMap(({ transfers }) => transfers),
    findings: pages.flatMap(({ findings }) => findings),
    feedback: pages[0]?.feedback ?? [],
    commitment: sha256(texts.join('\n')),
  };
}

/** The cycles of the case files as lists of transfer ids, in the order in which the published answer sorts them. */
export function cyclesOf(cases: readonly WholeCase[]): readonly (readonly string[])[] {
  const cycles = cases.flatMap(({ findings, transfers }) =>
    findings.flatMap((finding) =>
      finding.kind === 'cycle' ? [finding.transfers.map((position) => transfers[position]?.txId ?? '')] : [],
    ),
  );
  return cycles.sort((left, right) => {
    const at = left.findIndex((txId, index) => txId !== right[index]);
    if (at < 0 || right[at] === undefined) return left.length - right.length;
    return (left[at] ?? '') < (right[at] ?? '') ? -1 : 1;
  });
}

/** Puts the figures together. */
export async function resultsOf(
  { regulator, data }: Consortium,
  cases: readonly WholeCase[],
  alerts: readonly (readonly Alert[])[],
): Promise<AmlResults> {
  const status = (await regulator.aml.query.periodStatus({ period: PERIOD })).result;
  const of = (rule: string): readonly WholeCase[] => cases.filter(({ ruleId }) => ruleId.startsWith(`${rule}@`));
  const count = (rule: string): number => of(rule).flatMap(({ findings }) => findings).length;
  const cycles = cyclesOf(of('cycle'));
  const inCycles = new Set(cycles.flat());
  const cycleTransfers = of('cycle').flatMap(({ transfers }) => transfers.filter(({ txId }) => inCycles.has(txId)));
  const perBank = data.banks.map(({ name }, index) => {
    const own = alerts[index] ?? [];
    const distinct = new Set(own.map(({ caseId }) => caseId)).size;
    return [name, { alerts: distinct, foreignAccounts: foreignAccountsIn(own, index, data) }] as const;
  });
  return {
    distinctTransfers: status.distinctTransfers ?? 0,
    reportedTwice: status.reportedTwice ?? 0,
    cycles: cycles.length,
    cycleTransfers: inCycles.size,
    cycleAccounts: new Set(cycleTransfers.flatMap(({ from, to }) => [from, to])).size,
    cyclesSha256: sha256(cycles.map((cycle) => cycle.join()).join('\n')),
    fanIn: count('fan_in'),
    fanOut: count('fan_out'),
    scatterGather: count('scatter_gather'),
    perBank: Object.fromEntries(perBank),
  };
}

/** The regulator reads the audit trail and checks that it is complete, in order, and linked. */
export async function auditRequests({ regulator, parties, checks }: Consortium): Promise<number> {
  const executed = parties.reduce((sum, { amlCalls }) => sum + amlCalls, 0);
  const entries: AuditTrail['entries'][number][] = [];
  for (;;) {
    const page = (await regulator.aml.query.auditTrail({ afterSequence: entries.length })).result;
    entries.push(...page.entries);
    if (page.entries.length === 0) break;
  }
  checks.equal('the audit trail holds one record for every request', entries.length, executed);
  let previous = '0'.repeat(64);
  const isLinked = entries.every(({ sequence, height, timeMs, transactionId, record, ...link }, index) => {
    const hash = sha256(previous + stateJson([sequence, height, timeMs, transactionId, record]));
    const holds = sequence === index + 1 && link.previous === previous && link.hash === hash;
    previous = hash;
    return holds;
  });
  checks.that('the audit trail is in order and linked', isLinked);
  return entries.length;
}
