/** Codecs of the branded scalars: declared once, used by every message. */
import type {
  BlockHash,
  ChainId,
  Epoch,
  Hash,
  Height,
  Measurement,
  PublicKey,
  StateRoot,
  TransactionId,
  ValidatorIndex,
  View,
} from './brand.ts';
import { branded, bytes, hex, u16, u64 } from './codec.ts';

/** Height of a block. */
export const heightCodec = branded<Height>(u64);
/** View of agreement. */
export const viewCodec = branded<View>(u64);
/** Key epoch. */
export const epochCodec = branded<Epoch>(u64);
/** Position of a validator in the genesis. */
export const validatorIndexCodec = branded<ValidatorIndex>(u16);
/** A SHA-256 hash. */
export const hashCodec = branded<Hash>(hex(32));
/** Hash of a header. */
export const blockHashCodec = branded<BlockHash>(hex(32));
/** Hash of an envelope. */
export const transactionIdCodec = branded<TransactionId>(hex(32));
/** Root of the state trie. */
export const stateRootCodec = branded<StateRoot>(hex(32));
/** Hash of a genesis. */
export const chainIdCodec = branded<ChainId>(hex(32));
/** An Ed25519 public key. */
export const publicKeyCodec = branded<PublicKey>(hex(32));
/** SHA-384 of an enclave bundle. */
export const measurementCodec = branded<Measurement>(hex(48));
/** An Ed25519 signature. */
export const signatureCodec = bytes(64);
