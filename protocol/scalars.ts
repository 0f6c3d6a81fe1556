/** Codecs of the branded scalars: declared once, used by every message. */
import type {
  BlockHash, ChainId, Epoch, Hash, Height, Measurement, PublicKey, StateRoot, TransactionId, ValidatorIndex, View,
} from './brand.ts';
import { branded, bytes, hex, u16, u64 } from './codec.ts';

export const heightCodec = branded<Height>(u64);
export const viewCodec = branded<View>(u64);
export const epochCodec = branded<Epoch>(u64);
export const validatorIndexCodec = branded<ValidatorIndex>(u16);
export const hashCodec = branded<Hash>(hex(32));
export const blockHashCodec = branded<BlockHash>(hex(32));
export const transactionIdCodec = branded<TransactionId>(hex(32));
export const stateRootCodec = branded<StateRoot>(hex(32));
export const chainIdCodec = branded<ChainId>(hex(32));
export const publicKeyCodec = branded<PublicKey>(hex(32));
export const measurementCodec = branded<Measurement>(hex(48));
/** An Ed25519 signature. */
export const signatureCodec = bytes(64);
