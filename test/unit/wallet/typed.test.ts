/** Typed clients: the compiler knows a contract's methods, the session makes the calls. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type CallResult, type Session, typed } from '../../../wallet/index.ts';

interface Token {
  readonly calls: {
    readonly transfer: {
      readonly args: { readonly to: string; readonly amount: string };
      readonly result: { readonly id: string };
    };
  };
  readonly queries: { readonly balance: { readonly args: { readonly token: string }; readonly result: string } };
}

describe('a typed contract', () => {
  it('passes names and arguments on and is no promise', async () => {
    const made: unknown[][] = [];
    const record = async (...call: unknown[]) => {
      made.push(call);
      return undefined as never;
    };
    const session: Pick<Session, 'call' | 'query'> = { call: record, query: record };
    const token = typed<Token>(session, 'token');
    const sent = token.call.transfer({ to: 'x', amount: '1' }, { waitMs: 5 });
    expectTypeOf(sent).toEqualTypeOf<Promise<CallResult<{ readonly id: string }>>>();
    await sent;
    await token.query.balance({ token: 't' });
    expect(made).toEqual([
      ['token', 'transfer', { to: 'x', amount: '1' }, { waitMs: 5 }],
      ['token', 'balance', { token: 't' }],
    ]);
    expect((await token.call) === token.call).toBe(true);
  });
});
