/**
 * What a contract execution is asked and what it answers, and what it may ask of its host. Plain values only: this is
 * the surface between the enclave's executor and the contract runtime.
 */

/** State and effects of one execution. Methods may throw HostRefusal or HostFailure to end the execution. */
export interface ContractHost {
  get(key: string): string | undefined;
  set(key: string, value: string): void;
  remove(key: string): void;
  /** Rows with from <= key < to by UTF-16 code units, at most `limit`, from the end if `reverse`. */
  scan(from: string, to: string, limit: number, reverse: boolean): readonly (readonly [string, string])[];
  /** Hex text of that many bytes. */
  random(bytes: number): string;
  seal(recipient: string, json: string): void;
  claim(name: string, json: string): void;
}

/** One init, call or query. */
export interface RunRequest {
  readonly entry: 'init' | 'call' | 'query';
  readonly method: string;
  /** JSON text. */
  readonly args: string;
  readonly context: {
    readonly caller: string;
    readonly height: number;
    readonly timeMs: number;
    readonly transactionId: string;
  };
}

/** Why an execution failed. These codes are public; nothing else about a failure leaves the runtime. */
export type FailureCode =
  | 'OUT_OF_GAS'
  | 'OUT_OF_MEMORY'
  | 'STACK_OVERFLOW'
  | 'CONTRACT_ERROR'
  | 'UNKNOWN_METHOD'
  | 'RESULT_TOO_LARGE'
  | 'ARGUMENTS_TOO_LARGE'
  | 'READ_ONLY'
  | 'LIMIT_EXCEEDED'
  | 'BAD_HOST_CALL'
  | 'STATE_FULL';

/** The outcome of an execution. Writes count only for `ok`, and for audit keys when `keepAudit` is set. */
export type RunResult =
  | { readonly status: 'ok'; readonly result: string; readonly gasUsed: number }
  | {
      readonly status: 'refused';
      readonly reason: string;
      readonly detail?: string;
      readonly keepAudit: boolean;
      readonly gasUsed: number;
    }
  | { readonly status: 'failed'; readonly code: FailureCode; readonly gasUsed: number; readonly diagnostic?: string };

/** Keys that start with this belong to audit logs; the contract SDK uses the same prefix (a test compares them). */
export const AUDIT_KEY_PREFIX = '!';

/** Thrown by a host method: the execution ends as if the contract had refused. */
export class HostRefusal extends Error {
  readonly reason: string;
  readonly detail: string | undefined;

  constructor(reason: string, detail?: string) {
    super(`Refused: ${reason}.`);
    this.reason = reason;
    this.detail = detail;
  }
}

/** Thrown by a host method: the execution ends as failed. */
export class HostFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode) {
    super(`Failed: ${code}.`);
    this.code = code;
  }
}

/** A bundle that cannot be used: it does not evaluate within its bounds, or declares no contract. */
export class ContractCodeError extends Error {
  readonly code: FailureCode | 'NO_CONTRACT' | 'CODE_TOO_LARGE';
  readonly diagnostic: string | undefined;

  constructor(code: FailureCode | 'NO_CONTRACT' | 'CODE_TOO_LARGE', diagnostic?: string) {
    super(`The contract code is not usable: ${code}.`);
    this.code = code;
    this.diagnostic = diagnostic;
  }
}
