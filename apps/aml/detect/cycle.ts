/**
 * Rule `cycle`: money that comes back. A finding is a sequence of transfers in which each starts where the one before
 * ended, each is strictly later, all accounts differ, the last returns to the first account, everything happens within
 * the window, and the sending accounts lie at enough different banks. Every combination of transfers is a finding.
 * Pruning: edges that lie on no static cycle are dropped first; then, for each starting transfer, one backward pass
 * over the window marks from where the start can still be reached in time, and the search follows only such edges.
 */
import { at, type TransferGraph } from './graph.ts';

/** Thresholds of the rule `cycle`, in the spelling of the rule files. */
export interface CycleThresholds {
  readonly min_hops: number;
  readonly max_hops: number;
  readonly window_minutes: number;
  readonly min_banks: number;
}

/** A found loop: edge indexes in the order of travel. */
export type CyclePath = readonly number[];

/** Finds all cycles, ordered as sequences of transfer ids; `undefined` when there are more than `limit`. */
export function findCycles(
  graph: TransferGraph,
  rule: CycleThresholds,
  limit: number,
): readonly CyclePath[] | undefined {
  const search = new CycleSearch(graph, rule, limit);
  if (!search.run()) return undefined;
  return search.found.sort((left, right) => compareByRank(graph.rank, left, right));
}

function compareByRank(rank: Int32Array, left: CyclePath, right: CyclePath): number {
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index++) {
    const difference = at(rank, left[index] as number) - at(rank, right[index] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

class CycleSearch {
  readonly found: number[][] = [];
  private readonly graph: TransferGraph;
  private readonly rule: CycleThresholds;
  private readonly limit: number;
  private readonly alive: Int32Array;
  private readonly lastDeparture: Int32Array;
  private readonly onPath: Int32Array;
  private readonly path: number[] = [];
  private start = 0;
  private deadline = 0;

  constructor(graph: TransferGraph, rule: CycleThresholds, limit: number) {
    this.graph = graph;
    this.rule = rule;
    this.limit = limit;
    this.alive = edgesBetweenLiveAccounts(graph);
    this.lastDeparture = new Int32Array(graph.accountCount);
    this.onPath = new Int32Array(graph.accountCount);
  }

  run(): boolean {
    const { minute, from, to } = this.graph;
    let ahead = 0;
    for (let position = 0; position < this.alive.length; position++) {
      const edge = at(this.alive, position);
      this.start = at(from, edge);
      this.deadline = at(minute, edge) + this.rule.window_minutes;
      while (ahead < this.alive.length && at(minute, at(this.alive, ahead)) <= this.deadline) ahead++;
      if (!this.returnsInTime(edge) || !this.markWayBack(position, ahead)) continue;
      const next = at(to, edge);
      this.onPath[this.start] = 1;
      this.onPath[next] = 1;
      this.path.push(edge);
      const within = this.walk(next, at(minute, edge));
      this.path.pop();
      this.onPath[next] = 0;
      this.onPath[this.start] = 0;
      if (!within) return false;
    }
    return true;
  }

  /** Whether some transfer into the start account is later than `edge` and inside the window. */
  private returnsInTime(edge: number): boolean {
    const { minute, incoming } = this.graph;
    const begin = at(incoming.start, this.start);
    const begun = at(minute, edge);
    for (let slot = at(incoming.start, this.start + 1) - 1; slot >= begin; slot--) {
      const time = at(minute, at(incoming.edges, slot));
      if (time <= begun) return false;
      if (time <= this.deadline) return true;
    }
    return false;
  }

  /** Sets, for each account, the latest departure from which the start is still reached in time. */
  private markWayBack(position: number, ahead: number): boolean {
    const { minute, from, to } = this.graph;
    const { alive, lastDeparture, start } = this;
    const first = at(alive, position);
    const begun = at(minute, first);
    lastDeparture.fill(-1);
    for (let index = ahead - 1; index > position; index--) {
      const edge = at(alive, index);
      const time = at(minute, edge);
      if (time <= begun) break;
      const target = at(to, edge);
      if (target !== start && at(lastDeparture, target) <= time) continue;
      const source = at(from, edge);
      if (at(lastDeparture, source) < time) lastDeparture[source] = time;
    }
    return at(lastDeparture, at(to, first)) > begun;
  }

  /** Extends the path from `account`, reached at minute `since`; false when the limit of findings is passed. */
  private walk(account: number, since: number): boolean {
    const { minute, to, outgoing } = this.graph;
    const hops = this.path.length + 1;
    const end = at(outgoing.start, account + 1);
    for (let slot = firstAfter(outgoing.edges, minute, at(outgoing.start, account), end, since); slot < end; slot++) {
      const edge = at(outgoing.edges, slot);
      const time = at(minute, edge);
      if (time > this.deadline) break;
      const target = at(to, edge);
      if (target === this.start) {
        if (hops >= this.rule.min_hops && !this.record(edge)) return false;
      } else if (hops < this.rule.max_hops && at(this.lastDeparture, target) > time && at(this.onPath, target) === 0) {
        this.onPath[target] = 1;
        this.path.push(edge);
        const within = this.walk(target, time);
        this.path.pop();
        this.onPath[target] = 0;
        if (!within) return false;
      }
    }
    return true;
  }

  private record(closing: number): boolean {
    const { from, bankOf } = this.graph;
    const edges = this.path.concat(closing);
    const banks = new Set<number>();
    for (const edge of edges) banks.add(at(bankOf, at(from, edge)));
    if (banks.size < this.rule.min_banks) return true;
    if (this.found.length >= this.limit) return false;
    this.found.push(edges);
    return true;
  }
}

/** First slot in `[begin, end)` whose edge is strictly later than `since`; slots are in time order. */
function firstAfter(edges: Int32Array, minute: Int32Array, begin: number, end: number, since: number): number {
  let low = begin;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(minute, at(edges, middle)) <= since) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Edges that remain when accounts without incoming or without outgoing transfers are removed again and again. */
function edgesBetweenLiveAccounts(graph: TransferGraph): Int32Array {
  const { from, to, incoming, outgoing, accountCount, edgeCount } = graph;
  const inDegree = new Int32Array(accountCount);
  const outDegree = new Int32Array(accountCount);
  const dead = new Int32Array(accountCount);
  const queue: number[] = [];
  for (let account = 0; account < accountCount; account++) {
    inDegree[account] = at(incoming.start, account + 1) - at(incoming.start, account);
    outDegree[account] = at(outgoing.start, account + 1) - at(outgoing.start, account);
    if (at(inDegree, account) === 0 || at(outDegree, account) === 0) {
      dead[account] = 1;
      queue.push(account);
    }
  }
  for (let account = queue.pop(); account !== undefined; account = queue.pop()) {
    for (let slot = at(outgoing.start, account); slot < at(outgoing.start, account + 1); slot++) {
      const target = at(to, at(outgoing.edges, slot));
      inDegree[target] = at(inDegree, target) - 1;
      if (at(inDegree, target) === 0 && at(dead, target) === 0) {
        dead[target] = 1;
        queue.push(target);
      }
    }
    for (let slot = at(incoming.start, account); slot < at(incoming.start, account + 1); slot++) {
      const source = at(from, at(incoming.edges, slot));
      outDegree[source] = at(outDegree, source) - 1;
      if (at(outDegree, source) === 0 && at(dead, source) === 0) {
        dead[source] = 1;
        queue.push(source);
      }
    }
  }
  const alive: number[] = [];
  for (let edge = 0; edge < edgeCount; edge++) {
    if (at(dead, at(from, edge)) === 0 && at(dead, at(to, edge)) === 0) alive.push(edge);
  }
  return Int32Array.from(alive);
}
