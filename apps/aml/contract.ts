/**
 * The AML contract: banks pool their transfers, agree on rules, find patterns that no bank could see alone, and release
 * them by k of n; a bank learns its own part, the financial intelligence unit the whole case, the regulator who asked
 * for what. Arguments and results: types.ts. Every call leaves one audit record, so whoever reads content reads by a call;
 * queries change nothing.
 */
import { contract } from '../../contracts/index.ts';
import { storeParams } from './parties.ts';
import { correctTransfers, finishPeriod, myMismatches, periodStatus, submitTransfers } from './periods.ts';
import { refuseRelease, release } from './release.ts';
import { answering, audited } from './request.ts';
import { approveRule, listRules, proposeRule } from './rulebook.ts';
import { listRuns, run, summary } from './runs.ts';
import { caseFile, feedback, myAlerts, readAuditTrail, releasedCases } from './views.ts';

contract({
  name: 'aml',
  init(_context, params) {
    storeParams(params);
  },
  calls: {
    proposeRule: audited('proposeRule', proposeRule),
    approveRule: audited('approveRule', approveRule),
    submitTransfers: audited('submitTransfers', submitTransfers),
    correctTransfers: audited('correctTransfers', correctTransfers),
    finishPeriod: audited('finishPeriod', finishPeriod),
    run: audited('run', run),
    release: audited('release', release),
    refuseRelease: audited('refuseRelease', refuseRelease),
    myAlerts: audited('myAlerts', myAlerts),
    caseFile: audited('caseFile', caseFile),
    feedback: audited('feedback', feedback),
  },
  queries: {
    rules: answering(listRules),
    periodStatus: answering(periodStatus),
    myMismatches: answering(myMismatches),
    runs: answering(listRuns),
    summary: answering(summary),
    releasedCases: answering(releasedCases),
    auditTrail: answering(readAuditTrail),
  },
});
