/** Error codes of the HTTP API, as clients see them in problem documents; each has its HTTP status. */
import { defineErrors } from '../../protocol/errors.ts';

const resend = 'Send the same envelope again: it is the same transaction.';

/** Codes of the HTTP API. */
export const apiErrors = defineErrors({
  BAD_REQUEST: {
    message: 'The request does not have the documented form.',
    hint: 'Compare it with /v1/openapi.json; unknown fields are refused.',
    retryable: false,
    status: 400,
  },
  REQUEST_TOO_LARGE: {
    message: 'The request body is larger than this route allows.',
    hint: 'Send fewer envelopes in one request.',
    retryable: false,
    status: 413,
  },
  UNSUPPORTED_MEDIA_TYPE: {
    message: 'This route does not read that media type.',
    hint: 'Use a media type that /v1/openapi.json names for the route.',
    retryable: false,
    status: 415,
  },
  UNKNOWN_ROUTE: {
    message: 'There is no such route.',
    hint: 'The routes are listed in /v1/openapi.json.',
    retryable: false,
    status: 404,
  },
  METHOD_NOT_ALLOWED: {
    message: 'The route does not have that method.',
    hint: 'Use a method that the Allow header names; the routes are listed in /v1/openapi.json.',
    retryable: false,
    status: 405,
  },
  UNKNOWN_TRANSACTION: {
    message: 'The node knows no transaction of that id.',
    hint: `It may not have arrived, or have expired. ${resend}`,
    retryable: true,
    status: 404,
  },
  OBSERVER_ONLY: {
    message: 'This node is an observer: it has no enclave that could open sealed calls and queries.',
    hint: 'Use a validator for calls and queries; blocks, receipts and proofs are served here.',
    retryable: true,
    status: 503,
  },
  RECEIPT_NOT_READY: {
    message: 'The transaction is waiting for a block or for its result certificate.',
    hint: 'Ask again shortly, or submit with Prefer: wait.',
    retryable: true,
    status: 404,
  },
  UNKNOWN_BLOCK: {
    message: 'The node has no final block of that height.',
    hint: 'Compare with the height in /v1/status.',
    retryable: true,
    status: 404,
  },
  GOVERNANCE_MALFORMED: {
    message: 'The bytes are not a governance transaction.',
    hint: 'Make it with `cloister validators` of the same release.',
    retryable: false,
    status: 400,
  },
  TX_NOT_ENCRYPTED: {
    message: 'The submission is not encrypted; it was not stored and not passed on.',
    hint: 'Seal calls with the wallet; treat what was sent as disclosed to this node.',
    retryable: false,
    status: 400,
  },
  TX_MALFORMED: {
    message: 'The bytes are not a sealed envelope.',
    hint: 'Seal the call again with a wallet of the same protocol version.',
    retryable: false,
    status: 400,
  },
  TX_TOO_LARGE: {
    message: 'The envelope is larger than the largest size bucket.',
    hint: 'Split the arguments over several calls.',
    retryable: false,
    status: 413,
  },
  TX_EXPIRED: {
    message: 'The expiry height of the envelope has passed.',
    hint: 'Seal the call again with a later expiry.',
    retryable: false,
    status: 422,
  },
  TX_EXPIRY_TOO_FAR: {
    message: 'The expiry height of the envelope lies too far ahead.',
    hint: 'Seal the call again with an earlier expiry.',
    retryable: false,
    status: 422,
  },
  TX_REPLAYED: {
    message: 'A call with this identity was executed before.',
    hint: 'Fetch its receipt; to repeat the action, make a new call.',
    retryable: false,
    status: 409,
  },
  TX_NOT_ADMITTED: {
    message: 'The enclave does not admit the envelope.',
    hint: 'Open a new session and seal the call again; the call may be forged or over its quota.',
    retryable: false,
    status: 422,
  },
  SESSION_UNKNOWN: {
    message: 'The envelope names no open session.',
    hint: 'Open a new session and seal the call again.',
    retryable: false,
    status: 422,
  },
  WRONG_CHAIN: {
    message: 'The envelope is for another network.',
    hint: 'Compare the chain id with /v1/network and seal the call for this network.',
    retryable: false,
    status: 422,
  },
  WRONG_KEY_EPOCH: {
    message: 'The envelope is sealed to a key that is not in use.',
    hint: 'Reconnect to learn the present epoch key and seal the call again.',
    retryable: false,
    status: 422,
  },
  MEMPOOL_FULL: {
    message: 'The node holds as many waiting transactions as it may.',
    hint: `Wait as long as Retry-After says. ${resend}`,
    retryable: true,
    status: 429,
  },
  TOO_MANY_REQUESTS: {
    message: 'Too many requests of this address are in progress.',
    hint: 'Put more envelopes into one request, or wait for answers.',
    retryable: true,
    status: 429,
  },
  QUERY_REFUSED: {
    message: 'The query could not be opened or is not signed.',
    hint: 'Reconnect the wallet and ask again.',
    retryable: false,
    status: 400,
  },
  NOT_READY: {
    message: 'The node cannot serve this request yet.',
    hint: 'Ask another node, or try again when /readyz answers 200.',
    retryable: true,
    status: 503,
  },
  REQUEST_TIMEOUT: {
    message: 'The request did not arrive in time.',
    hint: 'Send it again over a better connection.',
    retryable: true,
    status: 408,
  },
  INTERNAL: {
    message: 'The node failed to serve the request.',
    hint: 'Try another node; the operator finds the cause in the log under the instance given.',
    retryable: true,
    status: 500,
  },
});

/** A code of the HTTP API. */
export type ApiErrorCode = keyof typeof apiErrors.table;
