/** Traces in the Informal Trace Format as plain values, and the part of them that the model of inputs writes. */
import { readFileSync } from 'node:fs';

/** A value of a trace: maps and sets as such, numbers as numbers, variants as `{ tag, value }`. */
export type ItfValue =
  | number
  | string
  | boolean
  | readonly ItfValue[]
  | ReadonlySet<ItfValue>
  | ReadonlyMap<ItfValue, ItfValue>
  | { readonly [field: string]: ItfValue };

interface RawObject {
  readonly [key: string]: unknown;
}

const decode = (raw: unknown): ItfValue => {
  if (typeof raw === 'number' || typeof raw === 'string' || typeof raw === 'boolean') return raw;
  if (Array.isArray(raw)) return raw.map(decode);
  if (typeof raw !== 'object' || raw === null) throw new TypeError(`not a value of a trace: ${String(raw)}`);
  const { '#bigint': integer, '#tup': tuple, '#set': set, '#map': map } = raw as RawObject;
  if (typeof integer === 'string') return Number(integer);
  if (Array.isArray(tuple)) return tuple.map(decode);
  if (Array.isArray(set)) return new Set(set.map(decode));
  if (Array.isArray(map)) {
    return new Map(map.map((entry) => [decode((entry as unknown[])[0]), decode((entry as unknown[])[1])]));
  }
  return Object.fromEntries(Object.entries(raw).map(([field, value]) => [field, decode(value)]));
};

/** Kinds of votes and certificates as the model names them. */
export type ModelKind = 'Notarize' | 'Nullify' | 'Finalize';

/** A vote of the model; NULLIFY names block 0. */
export interface ModelBallot {
  readonly kind: { readonly tag: ModelKind };
  readonly view: number;
  readonly id: number;
  readonly signer: number;
}

/** A block of the model. */
export interface ModelBlock {
  readonly epoch: number;
  readonly view: number;
  readonly parent: number;
  readonly skipped: ReadonlySet<number>;
  /** A closing block names the next validators in leader order. */
  readonly payload:
    | { readonly tag: 'Transactions' | 'Tail' }
    | { readonly tag: 'Closing'; readonly value: readonly number[] };
  readonly ancestors: ReadonlySet<number>;
}

/** An epoch of the model: its validators in leader order, and the block on which it stands. */
export interface ModelEpoch {
  readonly number: number;
  readonly order: readonly number[];
  readonly base: number;
}

/** A validator in the model: the epoch that it is in, and what it knows of each. */
export interface ModelNode {
  readonly epoch: number;
  readonly eras: ReadonlyMap<number, ModelEpoch>;
  readonly cores: ReadonlyMap<number, ModelCore>;
}

/** A validator's state in one epoch. */
export interface ModelCore {
  readonly current: number;
  readonly notarize: ReadonlyMap<number, number>;
  readonly nullify: ReadonlySet<number>;
  readonly finalize: ReadonlyMap<number, number>;
  readonly notarized: ReadonlyMap<number, number>;
  readonly nullified: ReadonlySet<number>;
  readonly finalized: ReadonlyMap<number, number>;
  readonly committed: number;
}

/** All votes sent in an epoch, by block or view. */
export interface ModelVotes {
  readonly notarize: ReadonlyMap<number, ReadonlySet<number>>;
  readonly nullify: ReadonlyMap<number, ReadonlySet<number>>;
  readonly finalize: ReadonlyMap<number, ReadonlySet<number>>;
}

/** What happened in a step. */
export type ModelEvent =
  | { readonly tag: 'Begun' | 'TimedOut' | 'Entered' }
  | { readonly tag: 'Lied' | 'GotProposal' | 'GotHeader' | 'Built' | 'Restarted'; readonly value: number }
  | { readonly tag: 'GotVote' | 'GotOwnVote'; readonly value: ModelBallot }
  | { readonly tag: 'GotCertificate'; readonly value: Omit<ModelBallot, 'signer'> };

/** One state of a trace of `events.qnt`. */
export interface ModelState {
  readonly blocks: ReadonlyMap<number, ModelBlock>;
  readonly votes: ReadonlyMap<number, ModelVotes>;
  readonly memory: ReadonlyMap<number, ModelNode>;
  readonly onFinalization: ReadonlySet<number>;
  readonly last: { readonly validator: number; readonly event: ModelEvent };
}

/** Reads a trace; variables are known by their last name, whatever module they came through. */
export const readTrace = (path: string): ModelState[] => {
  const { states } = JSON.parse(readFileSync(path, 'utf8')) as { readonly states: readonly RawObject[] };
  return states.map(
    (state) =>
      Object.fromEntries(
        Object.entries(state)
          .filter(([name]) => name !== '#meta')
          .map(([name, value]) => [name.slice(name.lastIndexOf(':') + 1), decode(value)]),
      ) as unknown as ModelState,
  );
};
