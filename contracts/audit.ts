/**
 * Append-only, sequence-numbered, hash-linked records. Their keys start with AUDIT_KEY_PREFIX, so that the runtime can
 * keep them when a call refuses with `keep: true`. Each hash covers the one before: a missing or changed record shows.
 */
import { currentContext } from './contract.ts';
import { hostCall, hostOperations } from './host-calls.ts';
import { stateJson } from './json.ts';
import { AUDIT_KEY_PREFIX, keyspace } from './keys.ts';
import { mapIn } from './state.ts';

/**
 * One record as it is stored.
 * `hash` = SHA-256 of `previous` and the JSON text of `[sequence, height, timeMs, transactionId, record]`.
 */
export interface AuditEntry<R> {
  readonly sequence: number;
  readonly height: number;
  readonly timeMs: number;
  readonly transactionId: string;
  readonly record: R;
  readonly previous: string;
  readonly hash: string;
}

/** An append-only log. */
export interface AuditLog<R> {
  /** Appends a record and returns its sequence number, counted from 1. */
  append(record: R): number;
  entries(range?: {
    readonly from?: number;
    readonly to?: number;
    readonly limit?: number;
    readonly reverse?: boolean;
  }): IterableIterator<AuditEntry<R>>;
  /** Number of records. */
  length(): number;
  /** Recomputes the links; returns the sequence number of the first bad record, or undefined. */
  firstBroken(): number | undefined;
}

const NO_PREVIOUS = '0'.repeat(64);

function linkHash(previous: string, body: Omit<AuditEntry<unknown>, 'previous' | 'hash'>): string {
  const { sequence, height, timeMs, transactionId, record } = body;
  return sha256(previous + stateJson([sequence, height, timeMs, transactionId, record]));
}

/** SHA-256 of the UTF-8 bytes of a text, as hex. */
export function sha256(text: string): string {
  return hostCall(hostOperations.sha256, text) ?? '';
}

/** Declares an audit log. */
export function auditLog<R>(name: string): AuditLog<R> {
  const records = mapIn<[sequence: number], AuditEntry<R>>(keyspace(name, AUDIT_KEY_PREFIX), 'json');
  const last = (): AuditEntry<R> | undefined => {
    for (const [, entry] of records.entries({ reverse: true, limit: 1 })) return entry;
    return undefined;
  };
  return {
    append(record) {
      const { height, timeMs, transactionId } = currentContext();
      const before = last();
      const body = { sequence: (before?.sequence ?? 0) + 1, height, timeMs, transactionId, record };
      const previous = before?.hash ?? NO_PREVIOUS;
      records.set(body.sequence, { ...body, previous, hash: linkHash(previous, body) });
      return body.sequence;
    },
    *entries({ from, to, limit, reverse } = {}) {
      const range = {
        ...(from === undefined ? {} : { from: [from] as const }),
        ...(to === undefined ? {} : { to: [to] as const }),
        ...(limit === undefined ? {} : { limit }),
        reverse: reverse === true,
      };
      for (const [, entry] of records.entries(range)) yield entry;
    },
    length: () => last()?.sequence ?? 0,
    firstBroken() {
      let previous = NO_PREVIOUS;
      let sequence = 1;
      for (const [, entry] of records.entries()) {
        if (entry.sequence !== sequence || entry.previous !== previous || entry.hash !== linkHash(previous, entry))
          return sequence;
        previous = entry.hash;
        sequence += 1;
      }
      return undefined;
    },
  };
}
