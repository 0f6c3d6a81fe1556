/** Error codes of the node: configuration, keys, start-up and operation. */
import { defineErrors } from '../protocol/errors.ts';

/** Codes of the node room. */
export const nodeErrors = defineErrors({
  CONFIG_UNKNOWN_KEY: {
    message: 'The configuration has a key that does not exist.',
    hint: 'Use the nearest name given, or remove the key; docs/configuration.md lists them all.',
    retryable: false,
  },
  CONFIG_INVALID_VALUE: {
    message: 'A configuration value is not acceptable.',
    hint: 'Give a value of the kind and range named; docs/configuration.md lists them all.',
    retryable: false,
  },
  CONFIG_FILE_UNREADABLE: {
    message: "A file of the node's home directory cannot be read.",
    hint: 'Check the path and permissions, or create the home again with `cloister init`.',
    retryable: false,
  },
  NODE_TOO_OLD: {
    message: 'Cloister runs on Node 26 or newer.',
    hint: 'Start it through npm or npx, which use the pinned Node.',
    retryable: false,
  },
  LEDGER_EPOCHS_UNPROVEN: {
    message: 'The ledger does not prove a change of validators that it records.',
    hint: 'Run `cloister ledger verify` on it; fetch the ledger again from the peers if it is damaged.',
    retryable: false,
  },
  GOVERNANCE_REFUSED: {
    message: 'The change of the configuration breaks a rule.',
    hint: 'Propose it again for the present epoch, signed by members of the consortium.',
    retryable: false,
    status: 409,
  },
  KEYSTORE_LOCKED: {
    message: 'The keystore does not open with the given passphrase.',
    hint: 'Set CLOISTER_PASSPHRASE or CLOISTER_PASSPHRASE_FILE to the passphrase chosen at `cloister init`.',
    retryable: false,
  },
  MEASUREMENT_MISMATCH: {
    message: 'The enclave bundle on this machine is not the one that the genesis names.',
    hint: 'Check out the release whose measurement the network agreed on and build it again.',
    retryable: false,
  },
  UNSAFE_TO_SIGN: {
    message: "The record of this validator's votes is missing or damaged, so signing could contradict an earlier vote.",
    hint: "Restore the write-ahead log, or have the consortium replace this validator's key; never delete the log to continue.",
    retryable: false,
  },
  DIVERGED: {
    message: 'Other validators signed a different result for a block that this node executed.',
    hint: 'Keep the data directory for analysis; the log names the height and the first differing transaction.',
    retryable: false,
  },
  NOT_READY: {
    message: 'The node cannot serve this request yet.',
    hint: 'Ask another node, or try again when /readyz answers 200.',
    retryable: true,
    status: 503,
  },
});
