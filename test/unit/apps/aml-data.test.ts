/** Whole data sets through the contract in the production interpreter, and the reader and generator of data folders. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CycleThresholds, FanThresholds, RunView, ScatterGatherThresholds } from '../../../apps/aml/types.ts';
import { transferRow } from '../../../apps/aml/types.ts';
import { type AmlData, parseTransfers, readAmlData } from '../../../demo/aml/data.ts';
import { generateAmlData, writeAmlData } from '../../../demo/aml/generate.ts';
import { clearCycles, clearFans, clearScatterGathers, clearTransfers } from './aml-clear.ts';
import {
  agree,
  alertsOf,
  approve,
  type Consortium,
  deploy,
  FIU,
  PERIOD,
  REGULATOR,
  submitData,
  wholeCase,
} from './aml-consortium.ts';
import { asked, did } from './contract-party.ts';
import { sharedData } from '../../support/skipping.ts';

const { path: shared, isMissing } = sharedData('02-aml');

/** Runs every rule, releases every run, and returns the FIU's view by rule. */
function play(
  c: Consortium,
  data: AmlData,
): Map<string, { readonly view: RunView; readonly findings: readonly string[]; readonly gas: number }> {
  submitData(c, data);
  const results = new Map<string, { view: RunView; findings: string[]; gas: number }>();
  for (const { rule, thresholds } of data.rules) {
    agree(c, rule, thresholds);
    const answer = c.t.call(c.keys[0] ?? '', 'run', { rule, period: PERIOD });
    expect(answer.status, rule).toBe('ok');
    const view = answer.result as unknown as RunView;
    approve(c, view, data.release.approvals_needed);
    const findings: string[] = [];
    const { caseIds } = asked<{ caseIds: string[] }>(c.t, FIU, 'releasedCases', { runId: view.runId });
    for (const caseId of caseIds) {
      const whole = wholeCase(c, caseId);
      for (const finding of whole.findings) {
        if (finding.kind === 'cycle')
          findings.push(finding.transfers.map((position) => whole.transfers[position]?.txId).join());
        if (finding.kind === 'fan') findings.push(`${finding.account} ${finding.counterparties}`);
        if (finding.kind === 'scatter_gather') findings.push(`${finding.source} ${finding.sink} ${finding.middlemen}`);
      }
    }
    results.set(rule, { view, findings: findings.sort(), gas: answer.gas });
  }
  return results;
}

/** No bank's alerts name another bank's account; every account in them is its own. */
function expectOwnAccountsOnly(c: Consortium, data: AmlData): void {
  const foreign = data.banks.map((_, index) => {
    const accounts = data.banks.flatMap(({ rows }) =>
      rows.flatMap(
        (row) =>
          [
            [row[2], row[3]],
            [row[4], row[5]],
          ] as const,
      ),
    );
    return new Set(
      accounts.filter(([bank]) => Number(bank) % data.banks.length !== index).map(([, account]) => account ?? ''),
    );
  });
  data.banks.forEach((_, index) => {
    const alerts = alertsOf(c, index);
    expect(alerts.length).toBeGreaterThan(0);
    const own = alerts.flatMap(({ accounts }) => accounts);
    expect(own.every((account) => Number(account.split(':')[0]) % data.banks.length === index)).toBe(true);
    const texts = new Set(JSON.stringify(alerts).split(/[^0-9A-Za-z]+/));
    const ownNames = new Set(own.map((account) => account.split(':')[1]));
    expect([...texts].filter((text) => foreign[index]?.has(text) === true && !ownNames.has(text))).toEqual([]);
  });
}

describe('a generated data set through the contract', () => {
  it('gives what the naive method gives', async () => {
    const data = generateAmlData('contract-test');
    const c = await deploy(
      data.banks.map(({ name }) => name),
      data.release,
    );
    const results = play(c, data);
    const clear = clearTransfers(data.banks.flatMap(({ rows }) => rows));
    const thresholds = Object.fromEntries(data.rules.map(({ rule, thresholds: given }) => [rule, given as unknown]));
    const lines = (flagged: ReadonlyMap<string, number>): string[] =>
      [...flagged].map(([name, count]) => `${name} ${count}`).sort();
    expect(results.get('cycle')?.findings).toEqual(
      clearCycles(clear, thresholds['cycle'] as CycleThresholds)
        .map((cycle) => cycle.join())
        .sort(),
    );
    expect(results.get('fan_in')?.findings).toEqual(
      lines(clearFans(clear, 'in', thresholds['fan_in'] as FanThresholds)),
    );
    expect(results.get('fan_out')?.findings).toEqual(
      lines(clearFans(clear, 'out', thresholds['fan_out'] as FanThresholds)),
    );
    expect(results.get('scatter_gather')?.findings).toEqual(
      lines(clearScatterGathers(clear, thresholds['scatter_gather'] as ScatterGatherThresholds)),
    );
    for (const { findings } of results.values()) expect(findings.length).toBeGreaterThan(2);
    expectOwnAccountsOnly(c, data);
  });
});

describe.skipIf(isMissing)('the published world data through the contract', () => {
  it('gives the published answers, with alerts of own accounts only', async () => {
    const data = await readAmlData(shared);
    const c = await deploy(
      data.banks.map(({ name }) => name),
      data.release,
    );
    const results = play(c, data);
    const expected = JSON.parse(readFileSync(path.join(shared, 'expected', 'expected.json'), 'utf8')) as {
      world_input: { distinct_transfers: number; rows_reported_by_two_members: number };
      world_cycle: {
        cycles: number;
        cycles_list_sha256: string;
        flagged_transfers: number;
        flagged_accounts: string[];
      };
      world_fan_in: { max_counterparties: Record<string, number> };
      world_fan_out: { max_counterparties: Record<string, number> };
      world_scatter_gather: { pairs: { source: string; sink: string; middlemen: number }[] };
    };
    expect(asked(c.t, REGULATOR, 'periodStatus', { period: PERIOD })).toMatchObject({
      distinctTransfers: expected.world_input.distinct_transfers,
      reportedTwice: expected.world_input.rows_reported_by_two_members,
    });
    const cycle = results.get('cycle');
    expect(cycle?.view.shape).toMatchObject({
      findings: expected.world_cycle.cycles,
      transfers: expected.world_cycle.flagged_transfers,
      accounts: expected.world_cycle.flagged_accounts.length,
    });
    expect(
      createHash('sha256')
        .update((cycle?.findings ?? []).join('\n'))
        .digest('hex'),
    ).toBe(expected.world_cycle.cycles_list_sha256);
    const lines = (counts: Record<string, number>): string[] =>
      Object.entries(counts)
        .map(([name, count]) => `${name} ${count}`)
        .sort();
    expect(results.get('fan_in')?.findings).toEqual(lines(expected.world_fan_in.max_counterparties));
    expect(results.get('fan_out')?.findings).toEqual(lines(expected.world_fan_out.max_counterparties));
    const pairs = expected.world_scatter_gather.pairs
      .map(({ source, sink, middlemen }) => `${source} ${sink} ${middlemen}`)
      .sort();
    expect(results.get('scatter_gather')?.findings).toEqual(pairs);
    for (const { gas } of results.values()) expect(gas).toBeLessThan(3e9);
    expectOwnAccountsOnly(c, data);
  });

  it('refuses every bad world entry with its reason, to its bank', async () => {
    const data = await readAmlData(shared);
    const c = await deploy(
      data.banks.map(({ name }) => name),
      data.release,
    );
    const bad = JSON.parse(readFileSync(path.join(shared, 'bad_inputs.json'), 'utf8')) as {
      file: string;
      reason: string;
      rows: Record<string, string>[];
    }[];
    const world = bad.filter(({ file }) => file.startsWith('world/'));
    expect(world).toHaveLength(6);
    for (const finished of [false, true]) {
      if (finished) submitData(c, data);
      for (const { file, reason, rows } of world) {
        const index = data.banks.findIndex(({ name }) => file === `world/bank_${name}.csv`);
        const answer = c.t.call(c.keys[index] ?? '', 'submitTransfers', {
          period: PERIOD,
          rows: rows.map(transferRow),
        });
        expect([answer.status, answer.reason, answer.detail]).toEqual(['refused', reason, { row: rows.length - 1 }]);
      }
    }
    did(c.t, c.keys[0] ?? '', 'submitTransfers', { period: 'other', rows: [] });
  });
});

describe('data folders', () => {
  it('are generated byte for byte by seed and read back whole', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'aml-data-'));
    try {
      await writeAmlData(directory, 'seed-1');
      const read = await readAmlData(directory);
      expect(read).toEqual(generateAmlData('seed-1'));
      expect(generateAmlData('seed-2')).not.toEqual(read);
      const distinct = new Set(read.banks.flatMap(({ rows }) => rows.map((row) => row[0])));
      expect(distinct.size).toBeGreaterThan(300);
      expect(distinct.size).toBeLessThan(600);
      await expect(readAmlData(path.join(directory, 'absent'))).rejects.toThrow(
        'params.json: the file cannot be read.',
      );
      const broken = async (change: (params: Record<string, unknown>) => void, message: string): Promise<void> => {
        const file = path.join(directory, 'params.json');
        const text = await readFile(file, 'utf8');
        const params = JSON.parse(text) as Record<string, unknown>;
        change(params);
        await writeFile(file, JSON.stringify(params));
        await expect(readAmlData(directory)).rejects.toThrow(message);
        await writeFile(file, text);
      };
      await broken(
        (params) => (params['banks'] = ['A', 'A', 'B']),
        'banks must be a list of at least 3 different names',
      );
      await broken((params) => (params['banks'] = ['A', 'B', '../C']), 'banks must be a list');
      await broken(
        (params) => (params['release'] = { approvals_needed: 6, of: 5 }),
        'release.approvals_needed must be from 2 to',
      );
      await broken((params) => (params['world_rules'] = { spy: {} }), 'world_rules.spy is no known rule');
      await broken(
        (params) => (params['world_rules'] = { fan_in: { min_banks: '3' } }),
        'world_rules.fan_in.min_banks must be an integer',
      );
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('name file and line of a malformed row', () => {
    const header =
      'tx_id,minute,from_bank,from_account,to_bank,to_account,amount_paid,pay_currency,amount_received,recv_currency,format';
    expect(parseTransfers('f.csv', `${header}\nT,1,2,a,3,b,1,"x, ""y""",1,E,ACH\n`)).toEqual([
      ['T', '1', '2', 'a', '3', 'b', '1', 'x, "y"', '1', 'E', 'ACH'],
    ]);
    expect(() => parseTransfers('f.csv', `${header}\nT,1\n`)).toThrow(
      'f.csv, line 2: the line has 2 fields where 11 are expected.',
    );
    expect(() => parseTransfers('f.csv', `${header}\nT,"1\n`)).toThrow(
      'f.csv, line 2: the line has an unbalanced quotation mark.',
    );
    expect(() => parseTransfers('f.csv', 'a,b\n')).toThrow('f.csv, line 1: the header must name the columns');
  });
});
