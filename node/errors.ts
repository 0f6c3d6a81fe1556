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
  DISK_WRITE_FAILED: {
    message: "The disk refused to write a file of the node's home directory.",
    hint: 'Check free space, quota and health of the disk, then start the node again.',
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
    message:
      "The record of this validator's votes is older than what this home knows, so signing could contradict a vote.",
    hint: 'Put the newest `votes/` of this home back; if it is lost, have the consortium replace the key. Never delete it to continue.',
    retryable: false,
  },
  KEY_USED_TWICE: {
    message:
      "This validator's key was used by what this home does not know: another process has it, or this home is older than its key.",
    hint: 'Stop every other process with this key, or put the newest home back; this home stays silent until the key is replaced or a newer guard file is imported.',
    retryable: false,
  },
  KEY_EXPORTED: {
    message: "This home's validator key was moved away with `cloister guard export` and does not sign here any more.",
    hint: 'Start the home into which the guard file was imported; if the file was never imported, run `cloister guard export` again to write it anew.',
    retryable: false,
  },
  GUARD_FILE_EXISTS: {
    message: 'The file exists already and is not an earlier copy of this guard, so it is not overwritten.',
    hint: 'Choose another name, or move the file away.',
    retryable: false,
  },
  GUARD_NOT_WRITTEN: {
    message: 'The guard file could not be written.',
    hint: 'Choose a place that can be written to and has space, then run `cloister guard export` again: it completes what was begun.',
    retryable: true,
  },
  GUARD_DAMAGED: {
    message: 'The guard file is damaged, so nothing in it is used.',
    hint: 'Copy it again from where it was exported, or run `cloister guard export` there once more.',
    retryable: false,
  },
  GUARD_UNSUPPORTED: {
    message: 'The guard file was written by a version that this one does not read.',
    hint: 'Import it with the version that exported it.',
    retryable: false,
  },
  GUARD_LOCKED: {
    message: 'The guard file does not open with the given passphrase.',
    hint: 'Give the passphrase chosen at `cloister guard export`, or export once more with a new one.',
    retryable: false,
  },
  GUARD_WRONG_CHAIN: {
    message: 'The guard file belongs to another network than this home.',
    hint: 'Import it into a home of its own network, or into an empty directory.',
    retryable: false,
  },
  GUARD_OTHER_VALIDATOR: {
    message: 'The home belongs to another validator than the guard file, or has a history that nothing explains.',
    hint: 'Import into an empty directory, or into a home that had this very key.',
    retryable: false,
  },
  GUARD_CONSUMED: {
    message: 'This guard file was imported into this home already.',
    hint: 'Start the home; delete the file, so that nobody imports it elsewhere.',
    retryable: false,
  },
  GUARD_OLDER: {
    message: 'The guard file is older than what this home knows of the key, so it would forget votes.',
    hint: 'Use the newest guard file of this validator, and delete older ones.',
    retryable: false,
  },
  GUARD_UNFINISHED: {
    message: 'An import of a guard file into this home was interrupted, so its key must not sign yet.',
    hint: 'Run `cloister guard import` again with the same file.',
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
