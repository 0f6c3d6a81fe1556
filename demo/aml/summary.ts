/** The summary of the demonstration for a person: what was found, who saw what, how fast, how to check it. */
import { platformNotice } from '../../protocol/receipt.ts';
import type { AmlDemoOutcome } from './run.ts';

const WIDTH = 78;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

/** The summary as text. */
export function summaryOf(outcome: AmlDemoOutcome): string {
  const { report } = outcome;
  const banner = platformNotice(report.platform);
  const frame = '═'.repeat(Math.max(WIDTH, banner.length + 2));
  const sections = [found(outcome), whoSawWhat(outcome), speed(outcome), proof(outcome), verdict(outcome)];
  return [frame, ` ${banner}`, frame, '', ...sections.flatMap((section) => [...section, ''])].join('\n');
}

function found({ report: { results } }: AmlDemoOutcome): readonly string[] {
  const { distinctTransfers, reportedTwice, cycles, cycleTransfers, cycleAccounts, fanIn, fanOut, scatterGather } =
    results;
  return [
    'What was found',
    `  ${count(distinctTransfers, 'transfer')} of ${count(Object.keys(results.perBank).length, 'bank')}; ${reportedTwice} were reported by two banks and counted once.`,
    `  ${count(cycles, 'cycle')} of money (${count(cycleTransfers, 'transfer')}, ${count(cycleAccounts, 'account')}),`,
    `  ${count(fanIn, 'account')} that many pay (fan-in), ${count(fanOut, 'account')} that pay many (fan-out),`,
    `  ${count(scatterGather, 'pair')} of accounts joined by many middlemen (scatter-gather).`,
  ];
}

function whoSawWhat({ report, auditRecords, runs }: AmlDemoOutcome): readonly string[] {
  const cases = runs.reduce((sum, { view }) => sum + view.cases, 0);
  const banks = Object.entries(report.results.perBank).map(
    ([name, { alerts, foreignAccounts }]) =>
      `  bank ${name.padEnd(6)} its own part of ${count(alerts, 'released case')}; accounts of other banks: ${foreignAccounts === 0 ? 'none' : foreignAccounts}`,
  );
  return [
    'What each party could see, and could not',
    ...banks,
    `  FIU         ${count(cases, 'whole case')}, each after release by the banks and with a stated reason; no case before`,
    `  regulator   ${count(auditRecords, 'audit record')}: who asked for what, and what was decided; no account, no amount`,
    '  validators  sealed bytes, their size class, and when they came; no row, caller, contract or method',
  ];
}

function speed({ report }: AmlDemoOutcome): readonly string[] {
  const { validators, height, calls, callsPerSecond, latencyMs, seconds } = report;
  return [
    'Time and speed',
    `  ${seconds} s in all, from nothing to the end of the leak check; ${count(validators, 'validator')} with an enclave each, ${count(height, 'block')}`,
    `  ${count(calls, 'call')} with verified receipts, ${callsPerSecond} a second; half within ${latencyMs.p50} ms, 99 % within ${latencyMs.p99} ms`,
    ...report.losses.map(
      ({ validator, how, isRevived }) =>
        `  ${validator} ended (${how}) and the others went on; ${isRevived ? 'started again, it caught up' : 'it stayed down'}`,
    ),
    `  all validators reached the state root ${report.stateRoots[0]?.slice(0, 16)}… at height ${height}`,
  ];
}

function proof({ report, chainId, runs }: AmlDemoOutcome): readonly string[] {
  const { receipt, leakCheck } = report;
  return [
    'Proof',
    `  Receipt of ${runs[0]?.view.runId ?? 'the run'} (${runs[0]?.view.ruleId ?? ''}), verified offline from the file: ${receipt.verified ? 'yes' : 'NO'}`,
    `    ${receipt.file}`,
    '  Verify it yourself, with nothing but the chain id:',
    `    npx cloister receipt verify ${receipt.file} \\`,
    `      --chain-id ${chainId}`,
    `  Leak check: ${count(leakCheck.hits, 'find')} of ${count(leakCheck.canaries, 'canary', 'canaries')} in ${megabytes(leakCheck.bytesSearched)} of disks, logs, traffic, answers and metrics`,
    `    (the same search finds ${leakCheck.positiveControlHits} in the plaintext files and one unsealed transaction)`,
  ];
}

function verdict({ checks, failed }: AmlDemoOutcome): readonly string[] {
  if (failed.length === 0) return [`Everything held: ${count(checks.length, 'check')}.`];
  return [
    `${failed.length} of ${count(checks.length, 'check')} DID NOT HOLD:`,
    ...failed.map(({ name, found: instead }) => `  ✗ ${name}: ${instead}`),
  ];
}
