/** Budgets as state: how much of something a party used in a period. A spent budget refuses, it never goes negative. */
import { refuse } from './contract.ts';
import { keyspace, type KeyPart } from './keys.ts';
import { mapIn } from './state.ts';

/** Use of a limited resource per period (a label or a number, for example a day) and party. */
export interface Budgets {
  /** Spends (1 unless told) and returns what is used now; refuses with `budget_exhausted` beyond the limit. */
  spend(period: KeyPart, who: string, limit: number, amount?: number): number;
  used(period: KeyPart, who: string): number;
}

/** Declares a budget. */
export function budgets(name: string): Budgets {
  const spent = mapIn<[period: KeyPart, who: string], number>(keyspace(name, 'budget:'), 'json');
  const used = (period: KeyPart, who: string): number => spent.get(period, who) ?? 0;
  return {
    spend(period, who, limit, amount = 1) {
      if (!(amount >= 0)) throw new RangeError('An amount spent is not negative.');
      const next = used(period, who) + amount;
      if (!(next <= limit)) refuse('budget_exhausted', { used: used(period, who), limit });
      spent.set(period, who, next);
      return next;
    },
    used,
  };
}
