/**
 * Error codes of the enclave: what its boundary refuses and why its host may find it gone.
 *
 * Codes say which rule was broken, never what a sealed message contained.
 */
import { defineErrors } from '../../protocol/errors.ts';

const lyingHost = { hint: 'Feed the enclave finalised blocks in order, unchanged.', retryable: false } as const;

/** Codes of the enclave room. */
export const enclaveErrors = defineErrors({
  FRAME_TOO_LARGE: {
    message: 'The frame is larger than the boundary allows.',
    hint: 'Split the request.',
    retryable: false,
  },
  FRAME_EMPTY: { message: 'The frame has no body.', hint: 'Check the framing of the channel.', retryable: false },
  FRAME_VERSION_UNKNOWN: {
    message: 'The frame has another boundary version.',
    hint: 'Run a node and an enclave of the same release.',
    retryable: false,
  },
  REQUEST_MALFORMED: {
    message: 'The request is not a canonical boundary message.',
    hint: 'Run a node and an enclave of the same release.',
    retryable: false,
  },
  REQUEST_OUT_OF_PLACE: {
    message: 'The enclave cannot serve this request in its present state.',
    hint: 'Ask for its status; greet, then provision, then execute or restore.',
    retryable: true,
  },
  PLATFORM_REFUSED: {
    message: 'The genesis does not allow this platform or measurement.',
    hint: 'Use the enclave bundle and platform that the genesis names.',
    retryable: false,
  },
  GENESIS_REFUSED: {
    message: 'The genesis is not valid for this enclave.',
    hint: 'Fetch the genesis again.',
    retryable: false,
  },
  SEALED_STATE_REFUSED: {
    message: 'A sealed blob was not made by this enclave on this processor.',
    hint: 'Provision the enclave again from its peers.',
    retryable: false,
  },
  CONTRIBUTION_REFUSED: {
    message: 'A key contribution is forged, for another enclave, or not the one committed to.',
    hint: 'Ask the contributing validator again.',
    retryable: true,
  },
  EPOCH_UNPROVEN: {
    message: 'The change of validators is not proven, or its proof is missing.',
    hint: 'Hand in the proofs of all epochs, in order, by provisioning.',
    retryable: true,
  },
  BLOCK_MALFORMED: { message: 'The block or its proof is not canonical.', ...lyingHost },
  BLOCK_TOO_LARGE: { message: 'The block is larger than the configuration allows.', ...lyingHost },
  WRONG_CHAIN: { message: 'The block belongs to another chain.', ...lyingHost },
  NOT_FINAL: { message: 'The proof does not show that the block is final.', ...lyingHost },
  WRONG_ORDER: { message: 'The block does not follow the last executed one.', ...lyingHost },
  HEIGHT_SKIPPED: { message: 'Blocks before this one were not executed.', ...lyingHost },
  BLOCK_REPLAYED: { message: 'The block was executed before.', ...lyingHost },
  BODY_CHANGED: { message: 'The body is not the one that the header commits to.', ...lyingHost },
  CHAIN_CONFLICT: {
    message: 'Two finalised blocks claim one height: the network has forked.',
    hint: 'Stop and compare the ledgers of all validators; this needs an operator.',
    retryable: false,
  },
  WRITE_SET_REFUSED: { message: 'The sealed write set is not the one that the certificate names.', ...lyingHost },
  STATE_DIVERGED: {
    message: 'The replayed state has another root than the certificate.',
    hint: 'Repair the ledger from peers.',
    retryable: false,
  },
  NOT_FRESH: {
    message: 'The enclave restarted and has not yet proved that its state is recent.',
    hint: 'Send its challenge to the other validators and hand in their answers.',
    retryable: true,
    status: 503,
  },
  QUERY_REFUSED: {
    message: 'The query could not be opened or is not signed.',
    hint: 'Reconnect the wallet.',
    retryable: false,
    status: 400,
  },
  FAIL_STOP: {
    message: 'The enclave stopped because one of its invariants broke.',
    hint: 'Keep the data directory and the report; restart only after the cause is known.',
    retryable: false,
  },
  ENCLAVE_NODE_TOO_OLD: {
    message: 'The enclave needs Node 26 or newer.',
    hint: 'Start through the project scripts, which use the pinned Node.',
    retryable: false,
  },
  ENCLAVE_GONE: {
    message: 'The enclave process ended.',
    hint: 'Start it again; it restores itself from the ledger.',
    retryable: true,
    status: 503,
  },
  ENCLAVE_BUSY: {
    message: 'Too many requests are waiting for the enclave.',
    hint: 'Wait for replies before sending more.',
    retryable: true,
    status: 429,
  },
  ENCLAVE_START_FAILED: {
    message: 'The enclave did not start.',
    hint: 'Check the bundle path and the process limits.',
    retryable: true,
  },
  CHANNEL_BROKEN: {
    message: 'The enclave sent bytes that are not a boundary message.',
    hint: 'Restart the enclave.',
    retryable: true,
  },
});

/** A code of the enclave room. */
export type EnclaveErrorCode = keyof typeof enclaveErrors.table;
