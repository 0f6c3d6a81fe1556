/**
 * JSON as contracts see it. Results, sealed outputs and claims may hold bigint, written as decimal text;
 * stored JSON may not, since it would come back as another type (use a map with `value: 'bigint'`).
 */

/** Anything JSON can carry. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

let writingOutput = false;

Reflect.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint): string {
    if (!writingOutput)
      throw new TypeError("Stored JSON cannot hold a bigint; declare the state with value: 'bigint'.");
    return this.toString();
  },
});

/** JSON text of a value that leaves the contract; bigint becomes decimal text, undefined becomes null. */
export function outputJson(value: unknown): string {
  writingOutput = true;
  try {
    return JSON.stringify(value) ?? 'null';
  } finally {
    writingOutput = false;
  }
}

/** JSON text of a value kept in state; throws for undefined, functions and bigint. */
export function stateJson(value: unknown): string {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError('State cannot hold undefined; delete the key instead.');
  return text;
}
