/**
 * The rules a consortium can agree on: their names, their thresholds with floors, and one door to run any of them.
 * Thresholds always come from a proposal; the floors here keep a rule from turning into a look-up of single accounts.
 */
import { type CycleThresholds, findCycles } from './cycle.ts';
import { type FanThresholds, findFans } from './fan.ts';
import type { TransferGraph } from './graph.ts';
import { findScatterGathers, type ScatterGatherThresholds } from './scatter-gather.ts';

/** Every rule name. */
export const RULE_NAMES = ['cycle', 'fan_in', 'fan_out', 'scatter_gather'] as const;

/** Name of a rule. */
export type RuleName = (typeof RULE_NAMES)[number];

/** A rule with its thresholds. */
export type Rule =
  | { readonly name: 'cycle'; readonly thresholds: CycleThresholds }
  | { readonly name: 'fan_in' | 'fan_out'; readonly thresholds: FanThresholds }
  | { readonly name: 'scatter_gather'; readonly thresholds: ScatterGatherThresholds };

/** One finding; `edges` are indexes into the graph it came from, accounts are account ids of that graph. */
export type Finding =
  | { readonly kind: 'cycle'; readonly edges: readonly number[] }
  | {
      readonly kind: 'fan';
      readonly account: number;
      readonly counterparties: number;
      readonly edges: readonly number[];
    }
  | {
      readonly kind: 'scatter_gather';
      readonly source: number;
      readonly sink: number;
      readonly middlemen: number;
      readonly edges: readonly number[];
    };

const YEAR_MINUTES = 527_040;
const WINDOW = [1, YEAR_MINUTES] as const;
const BANKS = [2, 1000] as const;
const BOUNDS: Readonly<Record<RuleName, Readonly<Record<string, readonly [number, number]>>>> = {
  cycle: { min_hops: [2, 12], max_hops: [2, 12], window_minutes: WINDOW, min_banks: BANKS },
  fan_in: { min_counterparties: [2, 100_000], window_minutes: WINDOW, min_banks: BANKS },
  fan_out: { min_counterparties: [2, 100_000], window_minutes: WINDOW, min_banks: BANKS },
  scatter_gather: { min_middlemen: [2, 100_000], window_minutes: WINDOW, min_banks: BANKS },
};

/** Whether `name` is a rule name. */
export function isRuleName(name: unknown): name is RuleName {
  return typeof name === 'string' && (RULE_NAMES as readonly string[]).includes(name);
}

/** Checks thresholds; returns the rule, or the reason code for refusing it. */
export function readRule(name: RuleName, thresholds: unknown): Rule | 'bad_thresholds' | 'min_banks_below_two' {
  if (typeof thresholds !== 'object' || thresholds === null || Array.isArray(thresholds)) return 'bad_thresholds';
  const given = thresholds as Record<string, unknown>;
  const bounds = BOUNDS[name];
  if (Object.keys(given).some((key) => !Object.hasOwn(bounds, key))) return 'bad_thresholds';
  if (given['min_banks'] === 1) return 'min_banks_below_two';
  for (const [key, [low, high]] of Object.entries(bounds)) {
    const value = given[key];
    if (!Number.isSafeInteger(value) || (value as number) < low || (value as number) > high) return 'bad_thresholds';
  }
  const rule = { name, thresholds: given } as unknown as Rule;
  if (rule.name === 'cycle' && rule.thresholds.min_hops > rule.thresholds.max_hops) return 'bad_thresholds';
  return rule;
}

/** Runs one rule over a graph; `undefined` when there are more than `limit` findings. */
export function detect(graph: TransferGraph, rule: Rule, limit: number): readonly Finding[] | undefined {
  switch (rule.name) {
    case 'cycle':
      return findCycles(graph, rule.thresholds, limit)?.map((edges) => ({ kind: 'cycle', edges }));
    case 'fan_in':
    case 'fan_out': {
      const hubs = findFans(graph, rule.name === 'fan_in' ? 'in' : 'out', rule.thresholds);
      return hubs.length > limit ? undefined : hubs.map((hub) => ({ kind: 'fan', ...hub }));
    }
    case 'scatter_gather': {
      const pairs = findScatterGathers(graph, rule.thresholds);
      return pairs.length > limit ? undefined : pairs.map((pair) => ({ kind: 'scatter_gather', ...pair }));
    }
  }
}
