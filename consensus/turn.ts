/** One step in progress: the state, the time, and the records and effects collected so far. */
import type { WalRecord } from '../protocol/consensus/wal-record.ts';
import type { Effect } from './effect.ts';
import type { Now } from './input.ts';
import type { CoreState } from './state.ts';

/** Working area of one step. Records go before all effects, so nothing leaves before what it relies on is durable. */
export interface Turn {
  readonly state: CoreState;
  readonly now: Now;
  readonly records: WalRecord[];
  readonly effects: Effect[];
  /** Whether a vote is among the records. */
  sync: boolean;
}

/** Starts a step. */
export const newTurn = (state: CoreState, now: Now): Turn => ({ state, now, records: [], effects: [], sync: false });

/** The effects of a finished step, persistence first. */
export const effectsOf = (turn: Turn): readonly Effect[] =>
  turn.records.length === 0
    ? turn.effects
    : [{ kind: 'persist', records: turn.records, sync: turn.sync }, ...turn.effects];
