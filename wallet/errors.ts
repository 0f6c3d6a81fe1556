/**
 * Error codes of the wallet, and the errors that carry what a contract said.
 *
 * A node's own codes pass through unchanged; what a node claims never decides more than whether to try again.
 */
import type { Problem } from '../protocol/api.ts';
import { CloisterError, defineErrors } from '../protocol/errors.ts';

/** Codes of the wallet room. */
export const walletErrors = defineErrors({
  NODE_UNREACHABLE: {
    message: 'No node could be reached.',
    hint: 'Check the URLs and that at least one node of the network is running.',
    retryable: true,
  },
  ANSWER_MALFORMED: {
    message: 'A node answered something that is not of the documented form.',
    hint: 'Use another node; this one is broken, of another version, or lying.',
    retryable: true,
  },
  NODE_ON_OTHER_CHAIN: {
    message: 'The node serves another network than the one asked for.',
    hint: 'Compare the chain id with the consortium, or use another URL.',
    retryable: false,
  },
  POLICY_REFUSED: {
    message: 'The network does not meet the policy of this wallet.',
    hint: 'A simulated platform protects nothing: use it with policy class `testnet` only; otherwise check the measurements.',
    retryable: false,
  },
  EVIDENCE_REFUSED: {
    message: 'The attestation evidence of a validator does not hold.',
    hint: 'Do not seal anything to this network; report the validator named to the consortium.',
    retryable: false,
  },
  EPOCH_KEY_UNPROVEN: {
    message: 'Fewer enclaves than a quorum have signed the key to which calls are sealed.',
    hint: 'Try another node, or again when more validators are up; nothing was sealed.',
    retryable: true,
  },
  EPOCHS_UNPROVEN: {
    message: 'The node does not prove how the validators changed since the genesis.',
    hint: 'Use another node; this one is broken or lying. Nothing was sealed on its word.',
    retryable: true,
  },
  NOT_A_MEMBER: {
    message: 'The account is not one of the members that govern this network.',
    hint: 'Sign with the account of a member; the genesis lists their keys.',
    retryable: false,
  },
  UNKNOWN_CHANGE: {
    message: 'No change of that id waits at the node.',
    hint: 'List those that wait with `cloister validators list`; it may have been carried out or have expired.',
    retryable: false,
  },
  NETWORK_FORKED: {
    message: 'Two proofs that contradict one another are both genuine: more than a third of the validators have lied.',
    hint: 'Stop using the network and give both proofs to the consortium; `cloister evidence verify` names the culprits.',
    retryable: false,
  },
  RECEIPT_REFUSED: {
    message: 'The node gave a result whose proof does not hold.',
    hint: 'Use another node; this one is broken or lying. The outcome of the call is not known from it.',
    retryable: true,
  },
  RESULT_UNREADABLE: {
    message: 'The result is not sealed to this account, or not readable.',
    hint: 'Use the account that made the call.',
    retryable: false,
  },
  STALE_ANSWER: {
    message: 'The answer is older than what this wallet has already seen.',
    hint: 'Use another node, or try again when this one has caught up.',
    retryable: true,
  },
  STATE_CONFLICT: {
    message: 'The answer names another state than the certificate of its height.',
    hint: 'Stop and report it: an enclave has diverged or lies.',
    retryable: false,
  },
  CALL_REFUSED: {
    message: 'The contract refused the call; it changed nothing.',
    hint: 'The reason and detail say why; they were sealed to this account alone.',
    retryable: false,
  },
  CALL_FAILED: {
    message: 'The call could not be executed; it changed nothing.',
    hint: 'The failure code says why: check contract, method, arguments and the gas limit.',
    retryable: false,
  },
  CALL_TOO_LARGE: {
    message: 'The arguments are larger than a call may carry.',
    hint: 'Send them in instalments.',
    retryable: false,
  },
  ARGUMENTS_INVALID: {
    message: 'The arguments cannot be written as JSON.',
    hint: 'Pass plain JSON values; write large integers as decimal text.',
    retryable: false,
  },
  OUTCOME_UNKNOWN: {
    message: 'No node gave the outcome of the transaction in time.',
    hint: 'Ask for the transaction id again later; sending the same envelope again is safe.',
    retryable: true,
  },
  TOO_MANY_WAITING: {
    message: 'The wallet has as many calls waiting as it may.',
    hint: 'Wait for results before making further calls.',
    retryable: true,
  },
  SESSION_CLOSED: {
    message: 'The session was handed over or closed.',
    hint: 'Open a session, or resume the exported one.',
    retryable: false,
  },
  SESSION_NOT_OPENED: {
    message: 'The network did not accept the session opening.',
    hint: 'The failure code says why; open a session again.',
    retryable: true,
  },
  SESSION_EXPORT_INVALID: {
    message: 'The exported session cannot be opened by this account on this network.',
    hint: 'Use the account and network it was exported from, or open a new session.',
    retryable: false,
  },
  KEYSTORE_MALFORMED: {
    message: 'The file is not a keystore of a known version.',
    hint: 'Restore the keystore file from a backup.',
    retryable: false,
  },
  KEYSTORE_PASSPHRASE_WRONG: {
    message: 'The passphrase does not open this keystore, or the file was changed.',
    hint: 'Try the passphrase again; without it the account cannot be recovered.',
    retryable: true,
  },
});

/** A code of the wallet. */
export type WalletErrorCode = keyof typeof walletErrors.table;

const DEFAULT_STATUS = 500;

/** The error of a node's problem document: the node's code, sentence and hint. */
export const nodeRefusal = (
  problem: Pick<Problem, 'code' | 'title' | 'hint' | 'retryable'> & { readonly status?: number },
): CloisterError =>
  new CloisterError(problem.code, {
    message: problem.title,
    hint: problem.hint,
    retryable: problem.retryable,
    status: problem.status ?? DEFAULT_STATUS,
  });

/** Where a refused or failed call stands on the ledger; absent for queries. */
export interface CallPlace {
  readonly transactionId: string;
  readonly height: number;
}

const placeData = (place: CallPlace | undefined): Record<string, string | number> =>
  place === undefined ? {} : { transactionId: place.transactionId, height: place.height };

/** The contract said no. Reason and detail are for the caller alone: they are neither in the message nor in `data`. */
export class CallRefused extends CloisterError<'CALL_REFUSED'> {
  readonly #reason: string;
  readonly #detail: unknown;

  constructor(reason: string, detail: unknown, place?: CallPlace) {
    super('CALL_REFUSED', walletErrors.table.CALL_REFUSED, placeData(place));
    this.#reason = reason;
    this.#detail = detail;
  }

  /** Stable reason code of the contract. */
  get reason(): string {
    return this.#reason;
  }

  /** JSON that the contract added. */
  get detail(): unknown {
    return this.#detail;
  }
}

/** The call could not be executed; `failure` is the runtime's stable code. */
export class CallFailed extends CloisterError<'CALL_FAILED'> {
  readonly failure: string;

  constructor(failure: string, place?: CallPlace) {
    super('CALL_FAILED', walletErrors.table.CALL_FAILED, { ...placeData(place), failure });
    this.failure = failure;
  }
}
