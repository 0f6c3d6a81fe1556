/** Exit codes by error code. */
import { describe, expect, it } from 'vitest';
import { cliErrors } from '../../../cli/errors.ts';
import { CloisterError } from '../../../protocol/errors.ts';
import { exitCodeOf } from '../../../node/exit-codes.ts';

const withCode = (code: string): CloisterError => new CloisterError(code, { message: '', hint: '', retryable: false });

describe('exit codes', () => {
  it.each([
    ['USAGE', 2],
    ['USAGE_NO_NETWORK', 2],
    ['CONFIG_UNKNOWN_KEY', 3],
    ['GENESIS_INVALID', 3],
    ['TESTNET_PORTS_TAKEN', 3],
    ['TESTNET_RUNNING', 1],
    ['NODE_UNREACHABLE', 4],
    ['OUTCOME_UNKNOWN', 4],
    ['TIMED_OUT', 4],
    ['RECEIPT_INVALID', 5],
    ['POLICY_REFUSED', 5],
    ['NODE_ON_OTHER_CHAIN', 5],
    ['EPOCHS_UNPROVEN', 5],
    ['NETWORK_FORKED', 5],
    ['UNSAFE_TO_SIGN', 6],
    ['WAL_MISSING', 6],
    ['KEY_IN_USE', 6],
    ['KEY_USED_TWICE', 6],
    ['KEY_EXPORTED', 6],
    ['GUARD_CONSUMED', 6],
    ['GUARD_OLDER', 6],
    ['GUARD_UNFINISHED', 6],
    ['GUARD_LOCKED', 3],
    ['GUARD_WRONG_CHAIN', 3],
    ['GUARD_DAMAGED', 7],
    ['GUARD_UNSUPPORTED', 8],
    ['GUARD_FILE_EXISTS', 2],
    ['KEYSTORE_LOCKED', 3],
    ['LEDGER_CORRUPT', 7],
    ['LEDGER_EPOCHS_UNPROVEN', 7],
    ['LEDGER_LAYOUT_UNSUPPORTED', 8],
    ['LEDGER_LOCKED', 1],
    ['CALL_REFUSED', 1],
  ])('%s ends with %i', (code, expected) => {
    expect(exitCodeOf(withCode(code))).toBe(expected);
  });

  it('anything else is a failure', () => {
    expect(exitCodeOf(new Error('x'))).toBe(1);
    expect(exitCodeOf(undefined)).toBe(1);
  });

  it('every error of the command line has a next step', () => {
    for (const definition of Object.values(cliErrors.table)) expect(definition.hint).toMatch(/\.$/);
  });
});
