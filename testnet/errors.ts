/** Error codes of the local test network. */
import { defineErrors } from '../protocol/errors.ts';

/** Codes of the testnet room. */
export const testnetErrors = defineErrors({
  TESTNET_RUNNING: {
    message: 'The network of this directory is running already.',
    hint: 'Stop the process with the id given, or choose another directory.',
    retryable: true,
  },
  TESTNET_DIRECTORY_NOT_EMPTY: {
    message: 'The directory holds other files, but no network.',
    hint: 'Choose an empty directory or one that does not exist yet.',
    retryable: false,
  },
  TESTNET_MISMATCH: {
    message: 'The network of this directory was founded differently.',
    hint: 'Leave the option out, or choose another directory for a new network.',
    retryable: false,
  },
  TESTNET_FILE_MALFORMED: {
    message: 'A file of the network directory is not of a known form.',
    hint: 'Restore the file, or found a new network in another directory.',
    retryable: false,
  },
  TESTNET_PORTS_TAKEN: {
    message: 'Ports of the network are in use.',
    hint: 'Stop what uses them, or choose another --port-base.',
    retryable: true,
  },
  TESTNET_BUILD_FAILED: {
    message: 'The enclave bundle could not be built.',
    hint: 'Run `node scripts/build-enclave.ts` on the pinned Node and read what it prints.',
    retryable: false,
  },
  TESTNET_NODE_ENDED: {
    message: 'A node process ended before it was ready.',
    hint: 'Read the log file named.',
    retryable: false,
  },
  TESTNET_DESERTED: {
    message: 'No validator of the network is left.',
    hint: 'Read why each one ended above; the same directory continues the network.',
    retryable: true,
  },
  TIMED_OUT: {
    message: 'The network did not become ready in time.',
    hint: 'Read the log files of the validators; a loaded machine may need a longer time.',
    retryable: true,
  },
});
