/**
 * The rules in the clear and on purpose naive: a line-by-line reading of their definition, without indexes or pruning.
 * Only tests use it, as the second method against which the contract's detection is compared.
 */
import type { CycleThresholds } from '../../../apps/aml/detect/cycle.ts';
import type { FanThresholds } from '../../../apps/aml/detect/fan.ts';
import type { ScatterGatherThresholds } from '../../../apps/aml/detect/scatter-gather.ts';
import type { TransferRow } from '../../../apps/aml/types.ts';

/** A transfer of the clear method. */
export interface ClearTransfer {
  readonly minute: number;
  readonly txId: string;
  readonly from: string;
  readonly to: string;
}

const bankOf = (account: string): string => account.slice(0, account.indexOf(':'));
const compareText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** Distinct rows without self transfers, ordered by minute, then id. */
export function clearTransfers(rows: Iterable<TransferRow>): readonly ClearTransfer[] {
  const byId = new Map<string, ClearTransfer>();
  for (const row of rows) {
    const [txId = '', minute = '', fromBank = '', fromAccount = '', toBank = '', toAccount = ''] = row;
    byId.set(txId, { minute: Number(minute), txId, from: `${fromBank}:${fromAccount}`, to: `${toBank}:${toAccount}` });
  }
  return [...byId.values()]
    .filter(({ from, to }) => from !== to)
    .sort((left, right) => left.minute - right.minute || compareText(left.txId, right.txId));
}

/** Cycles as lists of transfer ids, in order. */
export function clearCycles(
  transfers: readonly ClearTransfer[],
  rule: CycleThresholds,
): readonly (readonly string[])[] {
  const found: string[][] = [];
  const walk = (path: readonly ClearTransfer[]): void => {
    const first = path[0] as ClearTransfer;
    const last = path[path.length - 1] as ClearTransfer;
    for (const next of transfers) {
      if (next.from !== last.to || next.minute <= last.minute || next.minute - first.minute > rule.window_minutes)
        continue;
      const longer = [...path, next];
      if (next.to === first.from) {
        const banks = new Set(longer.map(({ from }) => bankOf(from)));
        if (longer.length >= rule.min_hops && banks.size >= rule.min_banks) found.push(longer.map(({ txId }) => txId));
      } else if (longer.length < rule.max_hops && !path.some(({ from, to }) => from === next.to || to === next.to)) {
        walk(longer);
      }
    }
  };
  for (const transfer of transfers) walk([transfer]);
  return found.sort((left, right) => {
    const at = left.findIndex((txId, index) => txId !== right[index]);
    if (at < 0) return left.length - right.length;
    return at >= right.length ? 1 : compareText(left[at] ?? '', right[at] ?? '');
  });
}

/** Hubs with their largest number of counterparties, by account. */
export function clearFans(
  transfers: readonly ClearTransfer[],
  side: 'in' | 'out',
  rule: FanThresholds,
): ReadonlyMap<string, number> {
  const hub = (transfer: ClearTransfer): string => (side === 'in' ? transfer.to : transfer.from);
  const other = (transfer: ClearTransfer): string => (side === 'in' ? transfer.from : transfer.to);
  const flagged = new Map<string, number>();
  for (const account of [...new Set(transfers.map(hub))].sort()) {
    const own = transfers.filter((transfer) => hub(transfer) === account);
    own.forEach((first, index) => {
      const parties = new Set(
        own
          .slice(index)
          .filter(({ minute }) => minute - first.minute <= rule.window_minutes)
          .map(other),
      );
      const banks = new Set([...parties].map(bankOf));
      if (parties.size < rule.min_counterparties || banks.size < rule.min_banks) return;
      flagged.set(account, Math.max(flagged.get(account) ?? 0, parties.size));
    });
  }
  return flagged;
}

/** Pairs `source sink` with their largest number of middlemen, in order. */
export function clearScatterGathers(
  transfers: readonly ClearTransfer[],
  rule: ScatterGatherThresholds,
): ReadonlyMap<string, number> {
  const pairs = new Map<string, { readonly paid: ClearTransfer; readonly onward: ClearTransfer }[]>();
  for (const paid of transfers) {
    for (const onward of transfers) {
      if (onward.from !== paid.to || onward.to === paid.from) continue;
      if (onward.minute <= paid.minute || onward.minute > paid.minute + rule.window_minutes) continue;
      const key = `${paid.from} ${onward.to}`;
      pairs.set(key, [...(pairs.get(key) ?? []), { paid, onward }]);
    }
  }
  const flagged = new Map<string, number>();
  for (const [key, list] of pairs) {
    for (const { paid: opening } of list) {
      const middlemen = new Set(
        list
          .filter(
            ({ paid, onward }) =>
              paid.minute >= opening.minute && onward.minute <= opening.minute + rule.window_minutes,
          )
          .map(({ paid }) => paid.to),
      );
      const banks = new Set([...middlemen].map(bankOf));
      if (middlemen.size < rule.min_middlemen || banks.size < rule.min_banks) continue;
      flagged.set(key, Math.max(flagged.get(key) ?? 0, middlemen.size));
    }
  }
  return flagged;
}
