/**
 * Declaring a contract and ending a call by refusal. Handlers are plain synchronous functions: the runtime runs exactly
 * one of them in a fresh memory image, so module variables never carry anything from one call to the next.
 */
import { hostCall, hostOperations, registerDispatcher } from './host-calls.ts';
import { outputJson } from './json.ts';

/** What a query knows about itself. */
export interface QueryContext {
  /** Ed25519 public key of the caller, lower-case hex. */
  readonly caller: string;
  /** Height of the block: the one being executed, or for a query the last final one. */
  readonly height: number;
  /** Consensus time of that block; the only clock there is. */
  readonly timeMs: number;
  readonly transactionId: string;
}

/** What a call knows, and the ways it speaks to others. */
export interface CallContext extends QueryContext {
  /** Random bytes as hex: unpredictable outside, the same on every replica. */
  random(bytes: number): string;
  /** Seals an extra output to a party that has opened a session on this network before. */
  seal(recipientPublicKey: string, value: unknown): void;
  /** Discloses a claim in the public receipt: everybody can read it. */
  claim(name: string, value: unknown): void;
}

/** Runs once, when the deployment becomes active; `params` is the JSON given at deployment. */
export type InitHandler = (context: CallContext, params: unknown) => void;
/** Changes state; what it returns is sealed to the caller. */
export type CallHandler = (context: CallContext, args: unknown) => unknown;
/** Reads state; what it returns is sealed to the caller. Any write ends it. */
export type QueryHandler = (context: QueryContext, args: unknown) => unknown;

/** A contract: its name and its methods. Only own properties of `calls` and `queries` can be called from outside. */
export interface ContractDefinition {
  readonly name: string;
  readonly init?: InitHandler;
  readonly calls: Readonly<Record<string, CallHandler>>;
  readonly queries?: Readonly<Record<string, QueryHandler>>;
}

let current: QueryContext | undefined;

/** The context of the running call or query, for collections that record it. */
export function currentContext(): QueryContext {
  if (current === undefined) throw new Error('State is available only while a method runs.');
  return current;
}

/**
 * Ends the call here: it changes nothing, and the caller alone gets the reason and the detail. It cannot be caught.
 * With `keep: true` what the call appended to audit logs is kept all the same.
 */
export function refuse(reason: string, detail?: unknown, options: { readonly keep?: boolean } = {}): never {
  hostCall(hostOperations.refuse, reason, detail === undefined ? undefined : outputJson(detail), options.keep === true);
  throw new Error('A refusal returned.');
}

const random: CallContext['random'] = (bytes) => hostCall(hostOperations.random, bytes) ?? '';
const seal: CallContext['seal'] = (recipient, value) => {
  hostCall(hostOperations.seal, recipient, outputJson(value));
};
const claim: CallContext['claim'] = (name, value) => {
  hostCall(hostOperations.claim, name, outputJson(value));
};

function handlerOf<H>(table: ReadonlyMap<string, H>, method: string): H {
  const handler = table.get(method);
  if (handler !== undefined) return handler;
  hostCall(hostOperations.unknownMethod);
  throw new Error('An unknown method went on.');
}

/** Declares the contract of this bundle; called once, at the top level of the entry file. */
export function contract(definition: ContractDefinition): void {
  const calls = new Map(Object.entries(definition.calls));
  const queries = new Map(Object.entries(definition.queries ?? {}));
  registerDispatcher(
    (
      entry: string,
      method: string,
      argsJson: string,
      caller: string,
      height: number,
      timeMs: number,
      transactionId: string,
    ) => {
      const context: CallContext = { caller, height, timeMs, transactionId, random, seal, claim };
      current = context;
      const args = JSON.parse(argsJson) as unknown;
      let result: unknown;
      if (entry === 'call') result = handlerOf(calls, method)(context, args);
      else if (entry === 'query') result = handlerOf(queries, method)(context, args);
      else result = definition.init?.(context, args);
      if (result instanceof Promise) throw new TypeError('A method must not be async: there is nothing to wait for.');
      return outputJson(result);
    },
  );
}
