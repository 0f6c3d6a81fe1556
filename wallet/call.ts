/** How a call is made: its options, and its arguments as the JSON text that is sealed. */
import type { Call } from '../protocol/call.ts';
import { utf8 } from '../protocol/hex.ts';
import { MAX_ARGUMENT_BYTES } from '../protocol/limits.ts';
import { walletErrors } from './errors.ts';

/** How a call is made. */
export interface CallOptions {
  /** How long to wait for the proven result, ms; 30 s unless set. */
  readonly waitMs?: number;
  /** The enclaves run one call of this account under a key; a further one fails with ALREADY_EXECUTED. */
  readonly idempotencyKey?: string;
}

/** How long a call waits unless told otherwise, ms. */
export const DEFAULT_WAIT_MS = 30_000;

const jsonArguments = (args: unknown): string => {
  let json: string | undefined;
  try {
    json = JSON.stringify(args ?? null);
  } catch (cause) {
    throw walletErrors.error('ARGUMENTS_INVALID', {}, cause);
  }
  if (json === undefined || !json.isWellFormed()) throw walletErrors.error('ARGUMENTS_INVALID');
  const sizeBytes = utf8(json).length;
  if (sizeBytes > MAX_ARGUMENT_BYTES)
    throw walletErrors.error('CALL_TOO_LARGE', { sizeBytes, maxBytes: MAX_ARGUMENT_BYTES });
  return json;
};

/** The call to seal. Throws ARGUMENTS_INVALID or CALL_TOO_LARGE. */
export const callOf = (contract: string, method: string, args: unknown, idempotencyKey?: string): Call => ({
  contract,
  method,
  args: jsonArguments(args),
  idempotencyKey,
});
