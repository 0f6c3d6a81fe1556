/**
 * Codes of failures of the peer network. Misbehaviour of a peer is not an error of ours: it is a penalty code.
 */
import { defineErrors } from '../../protocol/errors.ts';

/** Codes thrown by `PeerNetwork`. */
export const networkErrors = defineErrors({
  NETWORK_LISTEN_FAILED: {
    message: 'The peer listener could not be opened.',
    hint: 'Check that the listen address belongs to this machine and that no other process uses the port.',
    retryable: true,
  },
  NETWORK_OPTIONS_INVALID: {
    message: 'The options of the peer network contradict each other.',
    hint: 'Check that the identity key has 32 bytes and that addresses are multiaddrs.',
    retryable: false,
  },
  NETWORK_STOPPED: {
    message: 'The peer network is stopped.',
    hint: 'Start the node again.',
    retryable: false,
  },
  NETWORK_UNKNOWN_PEER: {
    message: 'No machine of that name belongs to this network now.',
    hint: 'Use the peer id of a validator or observer of the present configuration, other than the own one.',
    retryable: false,
  },
  NETWORK_MESSAGE_TOO_LARGE: {
    message: 'The message is larger than its channel carries.',
    hint: 'Split the content; see the limits of the network.',
    retryable: false,
  },
  NETWORK_PEER_UNREACHABLE: {
    message: 'The peer is not connected, or the connection ended before the answer came.',
    hint: 'Ask another validator, or wait for the peer to return.',
    retryable: true,
  },
  NETWORK_REQUEST_BUSY: {
    message: 'All request slots of the peer are in use.',
    hint: 'Ask another validator, or wait until a request in flight ends.',
    retryable: true,
  },
  NETWORK_REQUEST_TIMEOUT: {
    message: 'The peer did not answer in time.',
    hint: 'Ask another validator.',
    retryable: true,
  },
  NETWORK_REQUEST_REFUSED: {
    message: 'The peer answered the request with an error code.',
    hint: 'See the code in the data of this error, or ask another validator.',
    retryable: true,
  },
  NETWORK_RESPONSE_TOO_LARGE: {
    message: 'The answer is larger than the request allowed.',
    hint: 'Ask for less at once.',
    retryable: false,
  },
});
