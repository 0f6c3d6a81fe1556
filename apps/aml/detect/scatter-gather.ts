/**
 * Rule `scatter_gather`: one source pays several middlemen who then pay one sink. A middleman counts when its payment
 * out is strictly later than the payment in and at most the window after it; a pair (source, sink) is a finding when,
 * for the window that opens at some payment of the source, enough different middlemen at enough banks both received at
 * or after its opening and paid before its end. Only sources and sinks with enough distinct partners are looked at.
 */
import { at, byAccountName, type Adjacency, type TransferGraph } from './graph.ts';

/** Thresholds of the rule `scatter_gather`, in the spelling of the rule files. */
export interface ScatterGatherThresholds {
  readonly min_middlemen: number;
  readonly window_minutes: number;
  readonly min_banks: number;
}

/** A pair with the most middlemen of any window, and the transfers of the first such window. */
export interface ScatterGatherFinding {
  readonly source: number;
  readonly sink: number;
  readonly middlemen: number;
  readonly edges: readonly number[];
}

/** Finds the pairs in order of source, then sink, by account name. */
export function findScatterGathers(
  graph: TransferGraph,
  rule: ScatterGatherThresholds,
): readonly ScatterGatherFinding[] {
  const { outgoing, accountCount } = graph;
  const receivers = distinctPartners(graph, graph.outgoing, graph.to);
  const senders = distinctPartners(graph, graph.incoming, graph.from);
  const found: ScatterGatherFinding[] = [];
  for (let source = 0; source < accountCount; source++) {
    if (at(receivers, source) < rule.min_middlemen) continue;
    const bySink = new Map<number, number[]>();
    for (let slot = at(outgoing.start, source); slot < at(outgoing.start, source + 1); slot++) {
      collectPayments(graph, rule, senders, source, at(outgoing.edges, slot), bySink);
    }
    for (const [sink, pairs] of bySink) {
      if (pairs.length < 2 * rule.min_middlemen) continue;
      const best = widestWindow(graph, rule, pairs);
      if (best !== undefined) found.push({ source, sink, ...best });
    }
  }
  const byName = byAccountName(graph);
  return found.sort((left, right) => byName(left.source, right.source) || byName(left.sink, right.sink));
}

/** Appends to `bySink` each pair of edges (payment in, payment out) that passes through the receiver of `paid`. */
function collectPayments(
  graph: TransferGraph,
  rule: ScatterGatherThresholds,
  senders: Int32Array,
  source: number,
  paid: number,
  bySink: Map<number, number[]>,
): void {
  const { minute, to, outgoing } = graph;
  const middleman = at(to, paid);
  const since = at(minute, paid);
  for (let slot = at(outgoing.start, middleman); slot < at(outgoing.start, middleman + 1); slot++) {
    const onward = at(outgoing.edges, slot);
    const time = at(minute, onward);
    if (time <= since) continue;
    if (time > since + rule.window_minutes) break;
    const sink = at(to, onward);
    if (sink === source || at(senders, sink) < rule.min_middlemen) continue;
    const pairs = bySink.get(sink);
    if (pairs === undefined) bySink.set(sink, [paid, onward]);
    else pairs.push(paid, onward);
  }
}

/** `pairs` holds payment in and payment out alternately, in time order of the payments in. */
function widestWindow(
  graph: TransferGraph,
  rule: ScatterGatherThresholds,
  pairs: readonly number[],
): { middlemen: number; edges: number[] } | undefined {
  const { minute, to, bankOf } = graph;
  let best: { middlemen: number; edges: number[] } | undefined;
  let previous = -1;
  for (let opening = 0; opening < pairs.length; opening += 2) {
    const begin = at(minute, pairs[opening] as number);
    if (begin === previous) continue;
    previous = begin;
    const middlemen = new Set<number>();
    const banks = new Set<number>();
    const edges = new Set<number>();
    for (let index = opening; index < pairs.length; index += 2) {
      const paid = pairs[index] as number;
      const onward = pairs[index + 1] as number;
      if (at(minute, onward) > begin + rule.window_minutes) continue;
      const middleman = at(to, paid);
      middlemen.add(middleman);
      banks.add(at(bankOf, middleman));
      edges.add(paid).add(onward);
    }
    if (middlemen.size < rule.min_middlemen || banks.size < rule.min_banks) continue;
    if (best === undefined || middlemen.size > best.middlemen) {
      best = { middlemen: middlemen.size, edges: [...edges].sort((left, right) => left - right) };
    }
  }
  return best;
}

function distinctPartners(graph: TransferGraph, lists: Adjacency, other: Int32Array): Int32Array {
  const counts = new Int32Array(graph.accountCount);
  const lastSeenFor = new Int32Array(graph.accountCount).fill(-1);
  for (let account = 0; account < graph.accountCount; account++) {
    for (let slot = at(lists.start, account); slot < at(lists.start, account + 1); slot++) {
      const partner = at(other, at(lists.edges, slot));
      if (at(lastSeenFor, partner) === account) continue;
      lastSeenFor[partner] = account;
      counts[account] = at(counts, account) + 1;
    }
  }
  return counts;
}
