/** The wallet SDK: what applications import, in Node and in browsers. */
export type { ChainId, PublicKey, StateRoot, TransactionId } from '../protocol/brand.ts';
export { CloisterError, isCloisterError } from '../protocol/errors.ts';
export { chainIdOf, type Genesis, genesisFromJson } from '../protocol/genesis.ts';
export { Account, createAccount, SEED_BYTES } from './account.ts';
export type { QueryResult } from './ask.ts';
export type { CallOptions } from './call.ts';
export { connect, type ConnectOptions, Network, type OpenSessionOptions, type SeenTransaction } from './connect.ts';
export { CallFailed, CallRefused, type WalletErrorCode, walletErrors } from './errors.ts';
export { CHANGE_EXPIRY_BLOCKS, type NetworkGovernance, type WaitingChange } from './governance.ts';
export { DEFAULT_SCRYPT_COST, type Keystore, openKeystore, sealKeystore } from './keystore.ts';
export type { CallResult, ContractMessage } from './outcome.ts';
export * from './receipt.ts';
export { Session } from './session.ts';
export type { SessionStore } from './session-store.ts';
export type { FetchFunction } from './transport.ts';
export { type ContractTypes, typed, type TypedContract } from './typed.ts';
export type { WalletPolicy } from './verify-network.ts';
