/**
 * Branded scalars of the ledger: numbers and hexadecimal strings that must not be mixed up.
 *
 * Hashes and public keys are lowercase hexadecimal strings in memory (cheap to compare, usable as map keys) and raw
 * bytes on the wire; signatures, ciphertexts and secrets are byte arrays. A brand exists only at compile time.
 */

declare const brand: unique symbol;

/** A `T` that was checked to be a `Name`. A name is a key, not a value, so that a brand can refine a branded type. */
export type Brand<T, Name extends string> = T & { readonly [brand]: { readonly [N in Name]: true } };

/** Position of a block in the chain; genesis is 0. */
export type Height = Brand<number, 'Height'>;
/** Number of a view inside an epoch; the epoch's base is view 0. */
export type View = Brand<number, 'View'>;
/** Number of a validator set and of its key epoch; the first is 1. */
export type Epoch = Brand<number, 'Epoch'>;
/** Position of a node in the epoch's members: the ordered validators, then the observers. */
export type MemberIndex = Brand<number, 'MemberIndex'>;
/** Position of a validator in the ordered validator set of the epoch. */
export type ValidatorIndex = Brand<MemberIndex, 'ValidatorIndex'>;

/** A 32-byte domain-separated SHA-256 value, as 64 lowercase hexadecimal digits. */
export type Hash = Brand<string, 'Hash'>;
/** Identifier of a block: hash of its header. */
export type BlockHash = Brand<Hash, 'BlockHash'>;
/** Identifier of a transaction: hash of its public envelope. */
export type TransactionId = Brand<Hash, 'TransactionId'>;
/** Root of the authenticated contract state after a block. */
export type StateRoot = Brand<Hash, 'StateRoot'>;
/** Identifier of a network: hash of its genesis. */
export type ChainId = Brand<Hash, 'ChainId'>;
/** An Ed25519 public key, 32 bytes as hexadecimal digits. */
export type PublicKey = Brand<string, 'PublicKey'>;
/** SHA-384 of an enclave bundle, 48 bytes as hexadecimal digits. */
export type Measurement = Brand<string, 'Measurement'>;

/** Bytes that only their recipient can open; safe to hand to the host. */
export type SealedBytes = Brand<Uint8Array, 'SealedBytes'>;
/** Bytes that must never leave the enclave process or the wallet they belong to. */
export type PlainBytes = Brand<Uint8Array, 'PlainBytes'>;

/** A value whose signatures and structure were checked by the caller; see the function that returns it. */
export type Verified<T> = Brand<T, 'Verified'>;

const checkedInteger = (value: number, name: string): number => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${name} must be a safe integer of at least 0`);
  return value;
};

/** Checks and brands a block height. Throws RangeError when it is not a safe integer of at least 0. */
export const height = (value: number): Height => checkedInteger(value, 'height') as Height;
/** Checks and brands a view number. */
export const view = (value: number): View => checkedInteger(value, 'view') as View;
/** Checks and brands an epoch number. */
export const epoch = (value: number): Epoch => checkedInteger(value, 'epoch') as Epoch;
/** Checks and brands a validator's position. */
export const validatorIndex = (value: number): ValidatorIndex =>
  checkedInteger(value, 'validator index') as ValidatorIndex;

/** Ends an exhaustive switch: unreachable when every case is handled. */
export const assertNever = (value: never): never => {
  throw new TypeError(`unhandled case: ${JSON.stringify(value)}`);
};
