/** Readable answers of contracts under test: the result of a success, or the reason of a refusal, else a failed test. */
import type { ContractTest } from '../../../contracts/testing.ts';

/** A stable test key for a number. */
export function testKey(number: number): string {
  return number.toString(16).padStart(4, '0').repeat(16);
}

/** Calls and expects success. */
export function did<R>(t: ContractTest, caller: string, method: string, args: unknown = {}): R {
  const answer = t.call(caller, method, args);
  if (answer.status !== 'ok') throw new Error(`${method} ended ${answer.status}: ${answer.reason}`);
  return answer.result as R;
}

/** Calls and expects a refusal; returns its reason. */
export function refused(t: ContractTest, caller: string, method: string, args: unknown = {}): string | undefined {
  const answer = t.call(caller, method, args);
  if (answer.status !== 'refused') throw new Error(`${method} ended ${answer.status}`);
  return answer.reason;
}

/** Queries and expects success. */
export function asked<R>(t: ContractTest, caller: string, method: string, args: unknown = {}): R {
  const answer = t.query(caller, method, args);
  if (answer.status !== 'ok') throw new Error(`${method} ended ${answer.status}: ${answer.reason}`);
  return answer.result as R;
}

/** Queries and expects a refusal; returns its reason. */
export function askedInVain(t: ContractTest, caller: string, method: string, args: unknown = {}): string | undefined {
  const answer = t.query(caller, method, args);
  if (answer.status !== 'refused') throw new Error(`${method} ended ${answer.status}`);
  return answer.reason;
}
