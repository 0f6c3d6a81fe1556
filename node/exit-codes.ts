/** Exit codes of every command (design §10). */
import { CloisterError } from '../protocol/errors.ts';

/** The exit codes, by meaning. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  configuration: 3,
  unreachable: 4,
  verificationNegative: 5,
  unsafeToSign: 6,
  dataCorrupt: 7,
  upgradeRequired: 8,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byPrefix: readonly (readonly [prefix: string, code: ExitCode])[] = [
  ['USAGE', exitCodes.usage],
  ['CONFIG_', exitCodes.configuration],
  ['GENESIS_', exitCodes.configuration],
  ['KEYSTORE_', exitCodes.configuration],
  ['MEASUREMENT_', exitCodes.configuration],
  ['NODE_TOO_OLD', exitCodes.configuration],
  ['TESTNET_DIRECTORY', exitCodes.configuration],
  ['TESTNET_FILE', exitCodes.configuration],
  ['TESTNET_MISMATCH', exitCodes.configuration],
  ['TESTNET_PORTS', exitCodes.configuration],
  ['NODE_UNREACHABLE', exitCodes.unreachable],
  ['OUTCOME_UNKNOWN', exitCodes.unreachable],
  ['TIMED_OUT', exitCodes.unreachable],
  ['NOT_READY', exitCodes.unreachable],
  ['RECEIPT_', exitCodes.verificationNegative],
  ['NODE_ON_OTHER_CHAIN', exitCodes.verificationNegative],
  ['POLICY_REFUSED', exitCodes.verificationNegative],
  ['EVIDENCE_', exitCodes.verificationNegative],
  ['EPOCH_KEY_UNPROVEN', exitCodes.verificationNegative],
  ['EPOCHS_UNPROVEN', exitCodes.verificationNegative],
  ['NETWORK_FORKED', exitCodes.verificationNegative],
  ['STATE_CONFLICT', exitCodes.verificationNegative],
  ['UNSAFE_TO_SIGN', exitCodes.unsafeToSign],
  ['WAL_', exitCodes.unsafeToSign],
  ['KEY_', exitCodes.unsafeToSign],
  ['GUARD_UNFINISHED', exitCodes.unsafeToSign],
  ['GUARD_CONSUMED', exitCodes.unsafeToSign],
  ['GUARD_OLDER', exitCodes.unsafeToSign],
  ['GUARD_DAMAGED', exitCodes.dataCorrupt],
  ['GUARD_UNSUPPORTED', exitCodes.upgradeRequired],
  ['GUARD_FILE_EXISTS', exitCodes.usage],
  ['GUARD_NOT_WRITTEN', exitCodes.failure],
  ['GUARD_', exitCodes.configuration],
  ['LEDGER_LAYOUT', exitCodes.upgradeRequired],
  ['LEDGER_WRONG_', exitCodes.configuration],
  ['LEDGER_WRITE_FAILED', exitCodes.failure],
  ['LEDGER_LOCKED', exitCodes.failure],
  ['LEDGER_', exitCodes.dataCorrupt],
];

/** Exit code of a thrown value. */
export const exitCodeOf = (error: unknown): ExitCode =>
  error instanceof CloisterError
    ? (byPrefix.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? exitCodes.failure)
    : exitCodes.failure;
