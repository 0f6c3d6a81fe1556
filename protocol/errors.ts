/**
 * The one error class of Cloister and the way rooms declare their codes.
 *
 * Codes are the stable interface; messages are for people and may change. `data` holds identifiers, counts and bounds,
 * never payloads or keys. Verdicts on foreign input are returned, not thrown: see each room.
 */

/** What a code means, for the thrown error, for the HTTP problem document and for `docs/errors.md`. */
export interface ErrorDefinition {
  /** One sentence: what happened. */
  readonly message: string;
  /** One sentence: what the reader can do next. */
  readonly hint: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** HTTP status where the code reaches a client. */
  readonly status?: number;
}

/** Loggable facts about one error; never a secret. */
export type ErrorData = Readonly<Record<string, string | number | boolean>>;

/** A failure with a stable code, a sentence to act on and loggable data. */
export class CloisterError<Code extends string = string> extends Error {
  override readonly name = 'CloisterError';
  readonly code: Code;
  readonly hint: string;
  readonly retryable: boolean;
  readonly status: number | undefined;
  readonly data: ErrorData;

  constructor(code: Code, definition: ErrorDefinition, data: ErrorData = {}, cause?: unknown) {
    super(definition.message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = definition.hint;
    this.retryable = definition.retryable;
    this.status = definition.status;
    this.data = data;
  }
}

/** The error codes of one room. */
export interface ErrorCatalogue<Code extends string> {
  /** The definitions by code, for documents and the HTTP layer. */
  readonly table: Readonly<Record<Code, ErrorDefinition>>;
  /** Makes the error of a code. */
  error(code: Code, data?: ErrorData, cause?: unknown): CloisterError<Code>;
}

/** Declares the error codes of a room, once. */
export const defineErrors = <Code extends string>(table: Record<Code, ErrorDefinition>): ErrorCatalogue<Code> => ({
  table,
  error: (code, data, cause) => new CloisterError(code, table[code], data, cause),
});

/** Whether a thrown value is a Cloister error, optionally of one code. */
export const isCloisterError = (value: unknown, code?: string): value is CloisterError =>
  value instanceof CloisterError && (code === undefined || value.code === code);

const errors = defineErrors({
  MALFORMED_MESSAGE: {
    message: 'The bytes are not a canonical message of the expected kind.',
    hint: 'Check that both sides run the same protocol version.',
    retryable: false,
    status: 400,
  },
  MESSAGE_TOO_LARGE: {
    message: 'The message is larger than its kind allows.',
    hint: 'Split the content into smaller messages.',
    retryable: false,
    status: 413,
  },
  GENESIS_INVALID: {
    message: 'The genesis document is not valid.',
    hint: 'Fetch the genesis file again from the consortium and compare its chain id.',
    retryable: false,
  },
});

/** Codes of the protocol room. */
export const protocolErrors = errors;
