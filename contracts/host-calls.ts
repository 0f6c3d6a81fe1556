/**
 * The one door from a contract to its runtime: a single host function taking an operation number and plain values.
 * The runtime (enclave/runtime/vm) installs it before it evaluates a bundle; it is captured here once, at load.
 * Operation numbers are part of the contract interface: never renumber one. Keys go as a prefix and parts; the runtime
 * joins them (enclave/runtime/vm/key-parts.ts), at a fraction of what that costs in here.
 */

/** Operations of the host function; enclave/runtime/vm/operations.ts holds the same table (a test compares them). */
export const hostOperations = {
  get: 0,
  set: 1,
  remove: 2,
  scan: 3,
  random: 4,
  seal: 5,
  claim: 6,
  refuse: 7,
  unknownMethod: 8,
  sha256: 9,
  key: 10,
} as const;

type HostValue = string | number | boolean | undefined;
type HostFunction = (operation: number, ...values: readonly HostValue[]) => string | undefined;

const captured: unknown = Reflect.get(globalThis, '__cloisterHost');

/** Calls the runtime. Host failures end the whole execution: they never come back here as an exception. */
export const hostCall: HostFunction =
  typeof captured === 'function'
    ? (captured as HostFunction)
    : () => {
        throw new Error('This code runs only inside the contract runtime; use contracts/testing.ts to test it.');
      };

/** Hands the dispatcher of a contract to the runtime; done once, while the bundle is evaluated. */
export function registerDispatcher(dispatcher: unknown): void {
  if (Reflect.get(globalThis, '__cloisterDispatch') !== undefined) throw new Error('A bundle declares one contract.');
  Reflect.set(globalThis, '__cloisterDispatch', dispatcher);
}
