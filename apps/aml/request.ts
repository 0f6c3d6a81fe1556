/**
 * How a request is judged and recorded. Handlers refuse by throwing `Denial`; the wrappers turn that into a refusal of
 * the call. Every call leaves exactly one audit record, allowed or denied, and one that fails by an error in the
 * contract does too; a call that the runtime ends (gas, memory) leaves only its receipt, since nothing of it is kept.
 */
import {
  auditLog,
  refuse,
  type CallContext,
  type CallHandler,
  type QueryContext,
  type QueryHandler,
} from '../../contracts/index.ts';
import { partyName } from './parties.ts';
import type { AuditRecord } from './types.ts';

/** The audit trail of all requests. */
export const auditTrail = auditLog<AuditRecord>('requests');

/** Ends a request with a reason for its caller. */
export class Denial extends Error {
  readonly reason: string;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
  constructor(reason: string, detail?: Readonly<Record<string, unknown>>) {
    super(reason);
    this.reason = reason;
    this.detail = detail;
  }
}

/** Refuses the running request: nothing changes, the caller alone learns why. */
export function deny(reason: string, detail?: Readonly<Record<string, unknown>>): never {
  throw new Denial(reason, detail);
}

/** What a handler adds to its audit record. */
export interface AuditNote {
  subject?: string;
  purpose?: string;
  rows?: number;
  recipients?: readonly string[];
}

/** Wraps a call so that it leaves one audit record whatever the outcome. */
export function audited(
  method: string,
  handler: (context: CallContext, args: unknown, note: AuditNote) => unknown,
): CallHandler {
  return (context, args) => {
    const note: AuditNote = {};
    const base = { method, who: partyName(context.caller), caller: context.caller };
    try {
      const result = handler(context, args, note);
      auditTrail.append({ ...base, decision: 'allowed', ...note });
      return result;
    } catch (problem) {
      if (!(problem instanceof Denial)) {
        auditTrail.append({ ...base, decision: 'failed', reason: 'contract_error', ...note });
        return refuse('contract_error', undefined, { keep: true });
      }
      const { recipients: _none, ...asked } = note;
      auditTrail.append({ ...base, decision: 'denied', reason: problem.reason, ...asked });
      return refuse(problem.reason, problem.detail, { keep: true });
    }
  };
}

/** Wraps a query: queries leave no record, so they show counts and what the caller itself gave, never what was found. */
export function answering(handler: (context: QueryContext, args: unknown) => unknown): QueryHandler {
  return (context, args) => {
    try {
      return handler(context, args);
    } catch (problem) {
      if (problem instanceof Denial) return refuse(problem.reason, problem.detail);
      throw problem;
    }
  };
}

/** Checks that the arguments are an object with these fields and no others: nothing can be asked about one account. */
export function fields(args: unknown, allowed: readonly string[]): Readonly<Record<string, unknown>> {
  if (args === null || args === undefined) return {};
  if (typeof args !== 'object' || Array.isArray(args)) return deny('bad_arguments');
  const given = args as Record<string, unknown>;
  for (const key of Object.keys(given))
    if (!allowed.includes(key)) deny('unknown_argument', { argument: key.slice(0, 64) });
  return given;
}

/** A text argument within a length, or a denial that names the argument. */
export function textField(
  given: Readonly<Record<string, unknown>>,
  name: string,
  minimum: number,
  maximum: number,
): string {
  const value = given[name];
  if (typeof value !== 'string' || value.trim().length < minimum || value.length > maximum) {
    return deny('bad_argument', { argument: name });
  }
  return value;
}

/** An integer argument within bounds, or a denial that names the argument. */
export function numberField(
  given: Readonly<Record<string, unknown>>,
  name: string,
  minimum: number,
  maximum: number,
  otherwise?: number,
): number {
  const value = given[name] ?? otherwise;
  if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum) {
    return deny('bad_argument', { argument: name });
  }
  return value as number;
}
