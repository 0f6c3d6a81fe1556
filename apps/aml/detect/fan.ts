/**
 * Rules `fan_in` and `fan_out`: one account that receives from, or pays to, many. For each of an account's transfers
 * the window reaches from that transfer, in the order (minute, transfer id), to the last one at most `window_minutes`
 * later; transfers of the same minute that sort before it are outside. An account is a finding when some window holds
 * enough different counterparties at enough banks. One sliding window over each account's transfers.
 */
import { at, byAccountName, type Adjacency, type TransferGraph } from './graph.ts';

/** Thresholds of the rules `fan_in` and `fan_out`, in the spelling of the rule files. */
export interface FanThresholds {
  readonly min_counterparties: number;
  readonly window_minutes: number;
  readonly min_banks: number;
}

/** A hub with the most counterparties of any of its windows, and the transfers of the first such window. */
export interface FanFinding {
  readonly account: number;
  readonly counterparties: number;
  readonly edges: readonly number[];
}

/** Finds the hubs in order of account name. */
export function findFans(graph: TransferGraph, side: 'in' | 'out', rule: FanThresholds): readonly FanFinding[] {
  const lists = side === 'in' ? graph.incoming : graph.outgoing;
  const other = side === 'in' ? graph.from : graph.to;
  const seen = { accounts: new Int32Array(graph.accountCount), banks: new Int32Array(graph.bankCount) };
  const found: FanFinding[] = [];
  for (let account = 0; account < graph.accountCount; account++) {
    if (at(lists.start, account + 1) - at(lists.start, account) < rule.min_counterparties) continue;
    const hub = widestWindow(graph, lists, other, account, rule, seen);
    if (hub !== undefined) found.push(hub);
  }
  const byName = byAccountName(graph);
  return found.sort((left, right) => byName(left.account, right.account));
}

function widestWindow(
  graph: TransferGraph,
  lists: Adjacency,
  other: Int32Array,
  account: number,
  rule: FanThresholds,
  seen: { readonly accounts: Int32Array; readonly banks: Int32Array },
): FanFinding | undefined {
  const { minute, bankOf } = graph;
  const begin = at(lists.start, account);
  const end = at(lists.start, account + 1);
  let counterparties = 0;
  let banks = 0;
  let best = 0;
  let bestFrom = begin;
  let bestTo = begin;
  let ahead = begin;
  for (let slot = begin; slot < end; slot++) {
    const deadline = at(minute, at(lists.edges, slot)) + rule.window_minutes;
    while (ahead < end && at(minute, at(lists.edges, ahead)) <= deadline) {
      const party = at(other, at(lists.edges, ahead++));
      const bank = at(bankOf, party);
      if (at(seen.accounts, party) === 0) counterparties++;
      if (at(seen.banks, bank) === 0) banks++;
      seen.accounts[party] = at(seen.accounts, party) + 1;
      seen.banks[bank] = at(seen.banks, bank) + 1;
    }
    if (counterparties > best && counterparties >= rule.min_counterparties && banks >= rule.min_banks) {
      best = counterparties;
      bestFrom = slot;
      bestTo = ahead;
    }
    const party = at(other, at(lists.edges, slot));
    const bank = at(bankOf, party);
    seen.accounts[party] = at(seen.accounts, party) - 1;
    seen.banks[bank] = at(seen.banks, bank) - 1;
    if (at(seen.accounts, party) === 0) counterparties--;
    if (at(seen.banks, bank) === 0) banks--;
  }
  if (best === 0) return undefined;
  return { account, counterparties: best, edges: Array.from(lists.edges.subarray(bestFrom, bestTo)) };
}
