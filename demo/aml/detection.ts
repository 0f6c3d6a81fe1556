/**
 * Detection and release: each rule is run by one bank, whose answer is a shape and a commitment; enough banks approve
 * exactly that commitment; only then the recipients read their own parts.
 */
import type { RuleName } from '../../apps/aml/detect/rules.ts';
import type { RunView } from '../../apps/aml/types.ts';
import type { CallResult } from '../../wallet/index.ts';
import { signers } from './agreement.ts';
import { PERIOD, type Consortium } from './consortium.ts';
import type { Party } from './party.ts';

/** A run that was released. */
export interface ReleasedRun {
  readonly rule: RuleName;
  readonly view: RunView;
  /** The call with its receipt. */
  readonly call: CallResult<RunView>;
}

/** Runs every rule and releases every result. */
export async function runAndRelease(consortium: Consortium): Promise<readonly ReleasedRun[]> {
  const { data, banks, progress } = consortium;
  const phase = progress.phase(
    'Running the rules, releasing the results',
    data.rules.length * (1 + data.release.approvals_needed),
  );
  const runs: ReleasedRun[] = [];
  for (const [index, { rule }] of data.rules.entries()) {
    const starter = banks[index % banks.length] as Party;
    const call = await starter.aml.call.run({ rule, period: PERIOD });
    phase.step();
    if (index === 0) await tryBeforeRelease(consortium, call.result);
    await release(consortium, index, call.result, phase.step);
    runs.push({ rule, view: call.result, call });
  }
  phase.end();
  return runs;
}

/** Approvals come from different banks, each of which compares the shape that it sees with the starter's. */
async function release(consortium: Consortium, index: number, view: RunView, step: () => void): Promise<void> {
  const { checks, fiu } = consortium;
  const { runId, commitment } = view;
  let status: string = view.status;
  for (const bank of signers(consortium, index + 1)) {
    checks.equal(`${runId} stays sealed until enough banks have approved`, status, 'sealed');
    const seen = (await bank.aml.query.summary({ runId })).result;
    checks.that(
      `an approver of ${runId} sees the shape and the commitment that it signs`,
      seen.commitment === commitment && sameShape(seen, view),
    );
    checks.equal(
      `the financial intelligence unit sees nothing of ${runId} before`,
      (await fiu.aml.query.releasedCases({ runId })).result.caseIds.length,
      0,
    );
    ({ status } = (await bank.aml.call.release({ subject: runId, commitment })).result);
    step();
  }
  checks.equal(`${runId} opens when enough banks have approved`, status, 'released');
}

const sameShape = (left: RunView, right: RunView): boolean =>
  JSON.stringify(left.shape) === JSON.stringify(right.shape);

/** What nobody may do with a sealed result. Leaves one approval, of a bank that approves in turn anyway. */
async function tryBeforeRelease(consortium: Consortium, view: RunView): Promise<void> {
  const { banks, fiu, regulator, outsider, checks, data } = consortium;
  const { runId, commitment } = view;
  const approver = signers(consortium, 1)[0];
  const approval = { subject: runId, commitment };
  const [caseId] = (await approver.aml.query.summary({ runId })).result.caseShapes.map((shape) => shape.caseId);
  await checks.refused(
    'a second run in the month is over the budget',
    approver.aml.call.run({ rule: data.rules[0]?.rule ?? '', period: PERIOD }),
    'budget_exhausted',
  );
  for (const party of [fiu, regulator, outsider]) {
    await checks.refused(`${party.name} cannot approve a release`, party.aml.call.release(approval), 'forbidden');
  }
  await checks.refused(
    'an approval of something else is refused',
    approver.aml.call.release({ subject: runId, commitment: '0'.repeat(64) }),
    'commitment_differs',
  );
  for (let time = 0; time < data.release.approvals_needed; time++) {
    const { approvals, status } = (await approver.aml.call.release(approval)).result;
    checks.that('the approvals of one bank count once', approvals === 1 && status === 'sealed');
  }
  if (caseId !== undefined) {
    await checks.refused(
      'a sealed case is unknown even to its recipient',
      fiu.aml.call.caseFile({ caseId, reason: 'Case review.' }),
      'unknown_case',
    );
  }
  for (const bank of banks) {
    const { alerts } = (await bank.aml.call.myAlerts({})).result;
    checks.equal(`${bank.name} sees no alert before release`, alerts.length, 0);
  }
}

/** What stays forbidden after release: other parties' views, questions about one account, actions without a role. */
export async function tryAfterRelease(consortium: Consortium, runs: readonly ReleasedRun[]): Promise<void> {
  const { banks, fiu, regulator, outsider, checks } = consortium;
  const [first, second] = banks as [Party, Party];
  const runId = runs[0]?.view.runId ?? '';
  const [caseId = 'R1-C1'] = (await fiu.aml.query.releasedCases({ runId })).result.caseIds;
  const caseFile = { caseId, reason: 'Curiosity.' };
  await checks.refused('a bank cannot read a case file', first.aml.call.caseFile(caseFile), 'forbidden');
  await checks.refused('the regulator cannot read a case file', regulator.aml.call.caseFile(caseFile), 'forbidden');
  await checks.refused(
    'a case file without a reason is refused',
    fiu.aml.call.caseFile({ caseId, reason: ' ' }),
    'reason_required',
  );
  await checks.refused(
    "a bank cannot ask for another bank's alerts",
    second.call('aml', 'myAlerts', { bank: first.name }),
    'unknown_argument',
  );
  await checks.refused(
    'nothing can be asked about one account',
    second.query('aml', 'summary', { runId, account: '1:1' }),
    'unknown_argument',
  );
  await checks.refused(
    'the financial intelligence unit has no alerts of a bank',
    fiu.aml.call.myAlerts({}),
    'forbidden',
  );
  await checks.refused('a bank cannot read the audit trail', first.aml.query.auditTrail({}), 'forbidden');
  await checks.refused('somebody without a role sees no summary', outsider.aml.query.summary({ runId }), 'forbidden');
  await checks.refused(
    'somebody without a role cannot run a rule',
    outsider.aml.call.run({ rule: runs[0]?.rule ?? '', period: PERIOD }),
    'forbidden',
  );
}
