/** Typed clients: a contract's exported types over a session; the compiler checks names, arguments and results. */
import type { QueryResult } from './ask.ts';
import type { CallOptions } from './call.ts';
import type { CallResult } from './outcome.ts';
import type { Session } from './session.ts';

/** The types of a contract, as its `types.ts` exports them: `{ calls: { transfer: { args: …; result: … } } }`. */
export interface ContractTypes {
  readonly calls: { readonly [method: string]: { readonly args: unknown; readonly result: unknown } };
  readonly queries: { readonly [method: string]: { readonly args: unknown; readonly result: unknown } };
}

/** A contract's methods on a session. */
export interface TypedContract<C extends ContractTypes> {
  readonly call: {
    readonly [M in keyof C['calls']]: (
      args: C['calls'][M]['args'],
      options?: CallOptions,
    ) => Promise<CallResult<C['calls'][M]['result']>>;
  };
  readonly query: {
    readonly [M in keyof C['queries']]: (
      args: C['queries'][M]['args'],
    ) => Promise<QueryResult<C['queries'][M]['result']>>;
  };
}

/** Methods made when they are first named. `then` is none, so that the table is not taken for a promise. */
const methodTable = <T>(make: (method: string) => unknown): T =>
  new Proxy(
    {},
    { get: (_target, method) => (typeof method === 'string' && method !== 'then' ? make(method) : undefined) },
  ) as T;

/** The methods of `contract` on a session. */
export const typed = <C extends ContractTypes>(
  session: Pick<Session, 'call' | 'query'>,
  contract: string,
): TypedContract<C> => ({
  call: methodTable(
    (method) => (args: unknown, options?: CallOptions) => session.call(contract, method, args, options),
  ),
  query: methodTable((method) => (args: unknown) => session.query(contract, method, args)),
});
