/** Detection natively: against the published answers where they are present, and against the naive method on seeded graphs. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupFindings } from '../../../apps/aml/detect/cases.ts';
import { findCycles } from '../../../apps/aml/detect/cycle.ts';
import { findFans } from '../../../apps/aml/detect/fan.ts';
import { buildGraph, type TransferGraph } from '../../../apps/aml/detect/graph.ts';
import { detect, readRule, type Rule, RULE_NAMES } from '../../../apps/aml/detect/rules.ts';
import { findScatterGathers } from '../../../apps/aml/detect/scatter-gather.ts';
import type { TransferRow } from '../../../apps/aml/types.ts';
import { generateAmlData } from '../../../demo/aml/generate.ts';
import { readAmlData } from '../../../demo/aml/data.ts';
import { clearCycles, clearFans, clearScatterGathers, clearTransfers } from './aml-clear.ts';
import { sharedData } from '../../support/skipping.ts';

const { path: shared, isMissing } = sharedData('02-aml');

function graphOf(rows: Iterable<TransferRow>): { graph: TransferGraph; txIds: readonly string[] } {
  const byId = new Map([...rows].map((row) => [row[0] ?? '', row] as const));
  const txIds = [...byId.keys()].sort();
  const column = (index: number): string[] => txIds.map((txId) => byId.get(txId)?.[index] ?? '');
  const graph = buildGraph({
    minute: column(1).map(Number),
    fromBank: column(2),
    fromAccount: column(3),
    toBank: column(4),
    toAccount: column(5),
  });
  return { graph, txIds };
}

function named(graph: TransferGraph, txIds: readonly string[], edges: readonly number[]): string[] {
  return edges.map((edge) => txIds[graph.rank[edge] ?? -1] ?? '');
}

/** Small dense graphs: few accounts and minutes, so that ties, repeats and self transfers are common. */
function randomRows(seed: number): TransferRow[] {
  let state = seed * 2_654_435_761 + 12_345;
  const below = (bound: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % bound;
  };
  const accounts = 4 + below(9);
  const spread = 8 + below(40);
  return Array.from({ length: 10 + below(45) }, (_, index) => {
    const [from, to] = [below(accounts), below(accounts)];
    return [`T${below(1000)}-${index}`, String(below(spread)), String(from % 4), `a${from}`, String(to % 4), `a${to}`];
  });
}

describe('detection against the naive method', () => {
  it('finds the same on 300 seeded graphs', () => {
    let findings = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const rows = randomRows(seed);
      const { graph, txIds } = graphOf(rows);
      const clear = clearTransfers(rows);
      const cycle = {
        min_hops: 2 + (seed % 2),
        max_hops: 3 + (seed % 4),
        window_minutes: 6 + (seed % 20),
        min_banks: 2,
      };
      const cycles = findCycles(graph, cycle, 1e9) ?? [];
      expect(
        cycles.map((edges) => named(graph, txIds, edges)),
        `cycle, seed ${seed}`,
      ).toEqual(clearCycles(clear, cycle));
      const fan = { min_counterparties: 2 + (seed % 3), window_minutes: 3 + (seed % 12), min_banks: 2 };
      for (const side of ['in', 'out'] as const) {
        const hubs = findFans(graph, side, fan).map(({ account, counterparties }) => [
          graph.accounts[account],
          counterparties,
        ]);
        expect(hubs, `fan ${side}, seed ${seed}`).toEqual([...clearFans(clear, side, fan)]);
        findings += hubs.length;
      }
      const gather = { min_middlemen: 2, window_minutes: 5 + (seed % 15), min_banks: 2 };
      const pairs = findScatterGathers(graph, gather).map(({ source, sink, middlemen }) => [
        `${graph.accounts[source]} ${graph.accounts[sink]}`,
        middlemen,
      ]);
      expect(pairs, `scatter-gather, seed ${seed}`).toEqual(
        [...clearScatterGathers(clear, gather)].sort(([a], [b]) => (a < b ? -1 : 1)),
      );
      findings += cycles.length + pairs.length;
    }
    expect(findings).toBeGreaterThan(3000);
  });

  it('finds the same on generated demonstration data, where every planted pattern shows', () => {
    const data = generateAmlData('detect-test');
    const rows = data.banks.flatMap((bank) => bank.rows);
    const { graph, txIds } = graphOf(rows);
    const clear = clearTransfers(rows);
    const thresholds = Object.fromEntries(
      data.rules.map(({ rule, thresholds: given }) => [rule, readRule(rule, given) as Rule]),
    );
    const { cycle, fan_in: fanIn, scatter_gather: gather } = thresholds;
    if (cycle?.name !== 'cycle' || fanIn?.name !== 'fan_in' || gather?.name !== 'scatter_gather')
      throw new Error('rules missing');
    const cycles = findCycles(graph, cycle.thresholds, 1e9) ?? [];
    expect(cycles.map((edges) => named(graph, txIds, edges))).toEqual(clearCycles(clear, cycle.thresholds));
    expect(cycles.length).toBeGreaterThanOrEqual(10);
    expect(findFans(graph, 'in', fanIn.thresholds).length).toBe(clearFans(clear, 'in', fanIn.thresholds).size);
    expect(findFans(graph, 'in', fanIn.thresholds).length).toBeGreaterThanOrEqual(5);
    expect(findScatterGathers(graph, gather.thresholds).length).toBe(
      clearScatterGathers(clear, gather.thresholds).size,
    );
    expect(findScatterGathers(graph, gather.thresholds).length).toBeGreaterThanOrEqual(3);
  });
});

describe('thresholds', () => {
  it('refuses unknown, missing, fractional and single-bank thresholds', () => {
    const good = { min_counterparties: 8, window_minutes: 5760, min_banks: 3 };
    expect(readRule('fan_in', good)).toEqual({ name: 'fan_in', thresholds: good });
    expect(readRule('fan_in', { ...good, min_banks: 1 })).toBe('min_banks_below_two');
    expect(readRule('fan_in', { ...good, account: 1 })).toBe('bad_thresholds');
    expect(readRule('fan_in', { ...good, window_minutes: 1.5 })).toBe('bad_thresholds');
    expect(readRule('fan_in', { min_banks: 3 })).toBe('bad_thresholds');
    expect(readRule('cycle', { min_hops: 5, max_hops: 4, window_minutes: 10, min_banks: 2 })).toBe('bad_thresholds');
    expect(readRule('cycle', [])).toBe('bad_thresholds');
  });

  it('stops at the limit of findings', () => {
    const { graph } = graphOf(generateAmlData('limit').banks.flatMap((bank) => bank.rows));
    const rule = readRule('cycle', { min_hops: 2, max_hops: 6, window_minutes: 5760, min_banks: 2 }) as Rule;
    const all = detect(graph, rule, 1e9) ?? [];
    expect(all.length).toBeGreaterThan(3);
    expect(detect(graph, rule, all.length)).toHaveLength(all.length);
    expect(detect(graph, rule, all.length - 1)).toBeUndefined();
  });
});

describe('cases', () => {
  it('joins findings that share a transfer and splits the others', () => {
    const rows: TransferRow[] = [
      ['T1', '1', '1', 'a', '2', 'b'],
      ['T2', '2', '2', 'b', '3', 'c'],
      ['T3', '3', '3', 'c', '1', 'a'],
      ['T4', '4', '3', 'c', '1', 'a'],
      ['U1', '1', '1', 'x', '2', 'y'],
      ['U2', '2', '2', 'y', '3', 'z'],
      ['U3', '3', '3', 'z', '1', 'x'],
    ];
    const { graph, txIds } = graphOf(rows);
    const rule = readRule('cycle', { min_hops: 3, max_hops: 3, window_minutes: 10, min_banks: 2 }) as Rule;
    const groups = groupFindings(graph, detect(graph, rule, 10) ?? []);
    expect(groups.map(({ findings, edges }) => [findings.length, named(graph, txIds, edges)])).toEqual([
      [2, ['T1', 'T2', 'T3', 'T4']],
      [1, ['U1', 'U2', 'U3']],
    ]);
  });
});

describe.skipIf(isMissing)('detection on the published world data', () => {
  it('gives the published answers', async () => {
    const data = await readAmlData(shared);
    const expected = JSON.parse(readFileSync(path.join(shared, 'expected', 'expected.json'), 'utf8')) as Record<
      string,
      never
    > & {
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
    const { graph, txIds } = graphOf(data.banks.flatMap((bank) => bank.rows));
    expect(txIds.length).toBe(3709);
    const answers = new Map(
      data.rules.map(({ rule, thresholds }) => [rule, detect(graph, readRule(rule, thresholds) as Rule, 20_000) ?? []]),
    );
    expect([...answers.keys()]).toEqual([...RULE_NAMES]);
    const cycles = answers.get('cycle') ?? [];
    const list = cycles.map(({ edges }) => named(graph, txIds, edges).join(',')).join('\n');
    expect(createHash('sha256').update(list).digest('hex')).toBe(expected.world_cycle.cycles_list_sha256);
    expect(cycles.length).toBe(expected.world_cycle.cycles);
    const flagged = new Set(cycles.flatMap(({ edges }) => [...edges]));
    expect(flagged.size).toBe(expected.world_cycle.flagged_transfers);
    const accounts = new Set([...flagged].flatMap((edge) => [graph.from[edge] ?? -1, graph.to[edge] ?? -1]));
    expect([...accounts].map((account) => graph.accounts[account]).sort()).toEqual(
      expected.world_cycle.flagged_accounts,
    );
    for (const side of ['fan_in', 'fan_out'] as const) {
      const hubs = (answers.get(side) ?? []).map((finding) =>
        finding.kind === 'fan' ? [graph.accounts[finding.account], finding.counterparties] : [],
      );
      expect(Object.fromEntries(hubs)).toEqual(expected[`world_${side}`].max_counterparties);
    }
    const pairs = (answers.get('scatter_gather') ?? []).map((finding) =>
      finding.kind === 'scatter_gather'
        ? { source: graph.accounts[finding.source], sink: graph.accounts[finding.sink], middlemen: finding.middlemen }
        : undefined,
    );
    expect(pairs).toEqual(expected.world_scatter_gather.pairs);
  });
});
