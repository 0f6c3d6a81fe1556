/**
 * The transfer graph that every detection rule reads: edges in time order, dense integer ids, adjacency in flat arrays.
 * Invariants: self transfers are left out; edge index order is (minute, transfer id); `rank[edge]` is the position of the
 * edge's transfer in the input, which is ordered by transfer id, so ranks compare as transfer ids do.
 * Written for an interpreter: no object per edge, no closures on the hot path.
 */

/** Columns of the distinct transfers of a period, in ascending order of transfer id (code units). */
export interface TransferColumns {
  readonly minute: readonly number[];
  readonly fromBank: readonly string[];
  readonly fromAccount: readonly string[];
  readonly toBank: readonly string[];
  readonly toAccount: readonly string[];
}

/** Edge lists by account: edges of account `a` are `edges[start[a]]` to `edges[start[a + 1] - 1]`, in time order. */
export interface Adjacency {
  readonly start: Int32Array;
  readonly edges: Int32Array;
}

/** Directed multigraph of transfers between accounts; an account is `bank:account`. */
export interface TransferGraph {
  readonly edgeCount: number;
  readonly accountCount: number;
  readonly bankCount: number;
  readonly minute: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly rank: Int32Array;
  readonly bankOf: Int32Array;
  readonly accounts: readonly string[];
  readonly outgoing: Adjacency;
  readonly incoming: Adjacency;
}

/** Reads an entry of a typed array that the caller knows to exist. */
export function at(array: Int32Array, index: number): number {
  return array[index] as number;
}

/** Builds the graph; `columns` must be ordered by transfer id. */
export function buildGraph(columns: TransferColumns): TransferGraph {
  const accountIds = new Map<string, number>();
  const bankIds = new Map<string, number>();
  const accounts: string[] = [];
  const banks: number[] = [];
  const idOf = (bank: string, account: string): number => {
    const name = `${bank}:${account}`;
    const known = accountIds.get(name);
    if (known !== undefined) return known;
    const id = accounts.length;
    accountIds.set(name, id);
    accounts.push(name);
    let bankId = bankIds.get(bank);
    if (bankId === undefined) {
      bankId = bankIds.size;
      bankIds.set(bank, bankId);
    }
    banks.push(bankId);
    return id;
  };
  const total = columns.minute.length;
  const fromId = new Int32Array(total);
  const toId = new Int32Array(total);
  const order = new Float64Array(total);
  let edgeCount = 0;
  for (let index = 0; index < total; index++) {
    const from = idOf(columns.fromBank[index] as string, columns.fromAccount[index] as string);
    const to = idOf(columns.toBank[index] as string, columns.toAccount[index] as string);
    fromId[index] = from;
    toId[index] = to;
    if (from !== to) order[edgeCount++] = (columns.minute[index] as number) * total + index;
  }
  const sorted = order.subarray(0, edgeCount).sort();
  const minute = new Int32Array(edgeCount);
  const rank = new Int32Array(edgeCount);
  const from = new Int32Array(edgeCount);
  const to = new Int32Array(edgeCount);
  for (let edge = 0; edge < edgeCount; edge++) {
    const key = sorted[edge] as number;
    const index = key % total;
    rank[edge] = index;
    minute[edge] = (key - index) / total;
    from[edge] = at(fromId, index);
    to[edge] = at(toId, index);
  }
  return {
    edgeCount,
    accountCount: accounts.length,
    bankCount: bankIds.size,
    minute,
    from,
    to,
    rank,
    bankOf: Int32Array.from(banks),
    accounts,
    outgoing: adjacency(from, accounts.length),
    incoming: adjacency(to, accounts.length),
  };
}

function adjacency(side: Int32Array, accountCount: number): Adjacency {
  const start = new Int32Array(accountCount + 1);
  for (let edge = 0; edge < side.length; edge++) {
    const slot = at(side, edge) + 1;
    start[slot] = at(start, slot) + 1;
  }
  for (let account = 0; account < accountCount; account++)
    start[account + 1] = at(start, account + 1) + at(start, account);
  const next = start.slice();
  const edges = new Int32Array(side.length);
  for (let edge = 0; edge < side.length; edge++) {
    const account = at(side, edge);
    const slot = at(next, account);
    edges[slot] = edge;
    next[account] = slot + 1;
  }
  return { start, edges };
}

/** Orders account ids by account name, as code units compare. */
export function byAccountName(graph: TransferGraph): (left: number, right: number) => number {
  return (left, right) => {
    const a = graph.accounts[left] as string;
    const b = graph.accounts[right] as string;
    return a < b ? -1 : a > b ? 1 : 0;
  };
}
