/** Builds a consortium for AML contract tests: parties, deployment, signed rules, submitted data, and complete reading. */
import type {
  Alert,
  AlertCursor,
  AmlParams,
  AuditTrail,
  CaseFile,
  CaseFinding,
  CaseTransfer,
  MyAlerts,
  RuleView,
  RunView,
  TransferRow,
} from '../../../apps/aml/types.ts';
import { ContractTest } from '../../../contracts/testing.ts';
import type { AmlData } from '../../../demo/aml/data.ts';
import { asked, did, testKey } from './contract-party.ts';

export const FIU = testKey(0xf1);
export const REGULATOR = testKey(0xae);
export const OUTSIDER = testKey(0xdead);
export const PERIOD = '2022-09';
export const START_MS = Date.UTC(2026, 0, 15);
const ROWS_A_CALL = 300;

/** A deployed contract and its parties. */
export interface Consortium {
  readonly t: ContractTest;
  readonly keys: readonly string[];
  readonly names: readonly string[];
}

/** Deploys for the given bank names. */
export async function deploy(names: readonly string[], release: AmlParams['release']): Promise<Consortium> {
  const keys = names.map((_, index) => testKey(index + 1));
  const params: AmlParams = {
    banks: names.map((name, index) => ({ name, key: keys[index] ?? '' })),
    fiu: FIU,
    regulator: REGULATOR,
    release,
    ownership: { modulus: names.length },
  };
  const t = await ContractTest.deploy(new URL('../../../apps/aml/contract.ts', import.meta.url).pathname, params);
  t.setTime(START_MS);
  return { t, keys, names };
}

/** Proposes a rule by the first bank and signs it by as many as needed. */
export function agree(
  { t, keys }: Consortium,
  rule: string,
  thresholds: Readonly<Record<string, number>>,
  more: object = {},
): RuleView {
  const proposal = {
    rule,
    thresholds,
    purpose: 'detect laundering',
    legalBasis: 'article 75',
    expiresAtMs: START_MS + 1e10,
    runsPerMonth: 2,
    ...more,
  };
  let view = did<RuleView>(t, keys[0] ?? '', 'proposeRule', proposal);
  for (const key of keys.slice(1, view.signaturesNeeded))
    view = did<RuleView>(t, key, 'approveRule', { ruleId: view.ruleId });
  return view;
}

/** Submits rows in instalments, the last one final. */
export function submitAll({ t, keys }: Consortium, index: number, rows: readonly TransferRow[]): void {
  for (let at = 0; at === 0 || at < rows.length; at += ROWS_A_CALL) {
    const final = at + ROWS_A_CALL >= rows.length;
    did(t, keys[index] ?? '', 'submitTransfers', { period: PERIOD, rows: rows.slice(at, at + ROWS_A_CALL), final });
  }
}

/** Submits everything of a data set. */
export function submitData(consortium: Consortium, data: AmlData): void {
  for (const [index, { rows }] of data.banks.entries()) submitAll(consortium, index, rows);
}

/** Approves the release of a run by the first `count` banks. */
export function approve({ t, keys }: Consortium, view: RunView, count: number): void {
  for (const key of keys.slice(0, count)) did(t, key, 'release', { subject: view.runId, commitment: view.commitment });
}

/** All alerts of a bank, over all pages. */
export function alertsOf({ t, keys }: Consortium, index: number): readonly Alert[] {
  const alerts: Alert[] = [];
  for (let after: AlertCursor | undefined; ; ) {
    const page = did<MyAlerts>(t, keys[index] ?? '', 'myAlerts', after === undefined ? {} : { after });
    alerts.push(...page.alerts);
    if (page.next === undefined) return alerts;
    after = page.next;
  }
}

/** A whole case, over all pages. */
export function wholeCase({ t }: Consortium, caseId: string): { transfers: CaseTransfer[]; findings: CaseFinding[] } {
  const whole: { transfers: CaseTransfer[]; findings: CaseFinding[] } = { transfers: [], findings: [] };
  for (let page = 0, pages = 1; page < pages; page++) {
    const file = did<CaseFile>(t, FIU, 'caseFile', { caseId, reason: 'case review', page });
    pages = file.pages;
    whole.transfers.push(...file.transfers);
    whole.findings.push(...file.findings);
  }
  return whole;
}

/** All audit entries, over all pages. */
export function auditOf({ t }: Consortium): AuditTrail['entries'] {
  const entries: AuditTrail['entries'][number][] = [];
  for (;;) {
    const page = asked<AuditTrail>(t, REGULATOR, 'auditTrail', { afterSequence: entries.length });
    entries.push(...page.entries);
    if (page.entries.length === 0) return entries;
  }
}
