/**
 * Which of many records was used least recently, kept in replicated state, so that every replica forgets the same one.
 *
 * A record is new until it is used a while after it came, and known from then on. A flood of newcomers pushes out
 * newcomers, not records that are in use; known ones give way, least recently used first, only beyond half of all
 * places. Recency counts in steps of some blocks, so that a use rarely writes.
 */
import type { Overlay } from './state/overlay.ts';
import { scan, type StateReader } from './state/reader.ts';
import { type OrderedKind, systemKeys } from './system-keys.ts';

const STEP_BLOCKS = 128;

/** A record's place in the order, as text that is kept in the record: n or k for new and known, and a height. */
export type Use = `${'n' | 'k'}${number}`;

const heightOf = (use: Use): number => Number(use.slice(1));

interface Counts {
  readonly all: number;
  readonly known: number;
}

/** The order of the records of one kind. Every record is in it once, with the use that the record holds. */
export class UseOrder {
  readonly #kind: OrderedKind;

  constructor(kind: OrderedKind) {
    this.#kind = kind;
  }

  /** Number of records. */
  count(state: StateReader): number {
    return this.#counts(state).all;
  }

  /** Takes a record in; returns the use that it is to hold. */
  add(state: Overlay, id: string, height: number): Use {
    return this.#put(state, id, `n${height}`, this.#counts(state));
  }

  /** The use that a record is to hold now that it was used; undefined when nothing changes. */
  use(state: Overlay, id: string, last: Use, height: number): Use | undefined {
    if (height - heightOf(last) < STEP_BLOCKS) return undefined;
    return this.#put(state, id, `k${height}`, this.#drop(state, id, last));
  }

  /** Takes a record out. */
  remove(state: Overlay, id: string, last: Use): void {
    this.#write(state, this.#drop(state, id, last));
  }

  /** The record that makes room for another one; undefined while there is room. */
  least(state: StateReader, maximum: number): string | undefined {
    const { all, known } = this.#counts(state);
    if (all < maximum) return undefined;
    const segment = known > maximum / 2 || known === all ? 'k' : 'n';
    const range = systemKeys.useRange(this.#kind, segment);
    const [entry] = scan(state, { ...range, reverse: false }, 1);
    return entry?.[0].slice(entry[0].lastIndexOf('\u0000') + 1);
  }

  #counts(state: StateReader): Counts {
    const [all = 0, known = 0] = (state.get(systemKeys.useCounts(this.#kind)) ?? '0:0').split(':').map(Number);
    return { all, known };
  }

  #put(state: Overlay, id: string, use: Use, { all, known }: Counts): Use {
    state.set(systemKeys.use(this.#kind, use.slice(0, 1), heightOf(use), id), '');
    this.#write(state, { all: all + 1, known: known + (use.startsWith('k') ? 1 : 0) });
    return use;
  }

  #drop(state: Overlay, id: string, use: Use): Counts {
    const { all, known } = this.#counts(state);
    state.remove(systemKeys.use(this.#kind, use.slice(0, 1), heightOf(use), id));
    return { all: all - 1, known: known - (use.startsWith('k') ? 1 : 0) };
  }

  #write(state: Overlay, { all, known }: Counts): void {
    state.set(systemKeys.useCounts(this.#kind), `${all}:${known}`);
  }
}
