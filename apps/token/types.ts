/**
 * What crosses the boundary of the token contract: arguments and results of every method, as JSON. Amounts are decimal
 * text from 0 to 2^256 - 1; parties are Ed25519 public keys in lower-case hex. Typed wallet clients import this file.
 */

/** Deployment parameters. */
export interface TokenParams {
  /** Keys that may create tokens. */
  readonly issuers: readonly string[];
  /** Sees the supply of every token. */
  readonly auditor: string;
}

/** Receiver of a transfer that destroys the amount. */
export const BURN = '0'.repeat(64);

/** Arguments of the call `issue`: creates the token, or adds to one that the caller has issued. */
export interface IssueArgs {
  /** Given when a repetition must be refused as `replay`. */
  readonly id?: string;
  readonly token: string;
  readonly opening: readonly { readonly holder: string; readonly amount: string }[];
}
/** Result of the call `issue`. */
export interface IssueResult {
  readonly token: string;
  readonly supply: string;
}

/** Arguments of the call `transfer`. */
export interface TransferArgs {
  /** 1 to 32 letters, digits and `._:-`; a sender's recent ids are refused as `replay`. */
  readonly id: string;
  readonly token: string;
  /** The receiver's key, or BURN. */
  readonly to: string;
  readonly amount: string;
  /** Seals a `TransferNotice` to the receiver, which must have opened a session before; costs a public-key operation. */
  readonly notify?: boolean;
}
/** Result of the call `transfer`. */
export interface TransferResult {
  readonly id: string;
}
/** Output sealed to the receiver when `notify` is set. */
export interface TransferNotice {
  readonly id: string;
  readonly token: string;
  readonly from: string;
  readonly amount: string;
}

/** Arguments of the queries `balance` (the caller's own) and `supply` (the token's issuer and the auditor). */
export interface TokenArgs {
  readonly token: string;
}
/** Result of the query `balance`; an unknown token has balance 0. */
export interface BalanceResult {
  readonly token: string;
  readonly balance: string;
}
/** Result of the query `supply`. */
export interface SupplyResult {
  readonly token: string;
  readonly supply: string;
}

/** Reason codes of refusals. */
export type TokenReason =
  | 'replay'
  | 'unknown_token'
  | 'amount'
  | 'balance'
  | 'forbidden'
  | 'bad_arguments'
  | 'bad_id'
  | 'bad_token'
  | 'bad_recipient'
  | 'too_many_holders';
