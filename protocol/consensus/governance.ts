/**
 * Governance transactions: changes of the configuration, signed by consortium members, in plain text so that agreement
 * can judge them without an enclave (consensus design §3.1, §3.2).
 *
 * A transaction names the epoch whose configuration it changes, so it takes effect at most once. Members sign the
 * encoded change list alone; what ages, the readiness of joiners, travels beside it and is renewed while it waits.
 */
import type { ChainId, Epoch, Hash, PublicKey } from '../brand.ts';
import { byteString, encode, type Infer, list, refined, struct, text, u16, union } from '../codec.ts';
import { decodeOrUndefined } from '../foreign.ts';
import { parametersCodec, validatorCodec } from '../genesis.ts';
import { concatBytes, domainHash, fromHex, u64Bytes } from '../hash.ts';
import { MAX_CHANGES, MAX_MEMBERS, MAX_SYSTEM_TRANSACTION_BYTES } from '../limits.ts';
import { blockHashCodec, chainIdCodec, epochCodec, heightCodec, publicKeyCodec, signatureCodec } from '../scalars.ts';
import { signingBytes } from '../signing.ts';
import { observerCodec } from './configuration.ts';

/** One change of the configuration. */
export const changeCodec = union({
  addValidator: [1, struct({ validator: validatorCodec })],
  removeValidator: [2, struct({ validatorKey: publicKeyCodec })],
  /** `proof`: signature of the new key, so that nobody registers a key that is not its own. */
  rotateKey: [3, struct({ validatorKey: publicKeyCodec, newKey: publicKeyCodec, proof: signatureCodec })],
  setParameters: [4, struct({ parameters: parametersCodec })],
  addObserver: [5, struct({ observer: observerCodec })],
  removeObserver: [6, struct({ peerId: text(128) })],
});

/** One change of the configuration. */
export type Change = Infer<typeof changeCodec>;

/** What members sign. */
export const changeListCodec = struct({
  chainId: chainIdCodec,
  /** Epoch whose configuration is changed. */
  epoch: epochCodec,
  /** Last height at which a block may carry it. */
  expiryHeight: heightCodec,
  changes: refined(list(changeCodec, MAX_CHANGES), (changes) => changes.length > 0),
});

/** What members sign. */
export type ChangeList = Infer<typeof changeListCodec>;

/** A joiner's word that its replica has reached a final block, and that the key is its own (etcd's learner first). */
export const readinessCodec = struct({
  validatorKey: publicKeyCodec,
  height: heightCodec,
  blockHash: blockHashCodec,
  signature: signatureCodec,
});

/** A joiner's word that its replica has reached a final block. */
export type Readiness = Infer<typeof readinessCodec>;

/** A signed change list with the readiness of every validator that it adds, in the order of the changes. */
export const governanceTransactionCodec = struct({
  /** Encoded change list, as it was signed. */
  changeList: byteString(MAX_SYSTEM_TRANSACTION_BYTES),
  /** By position in the genesis' members, ascending. */
  signatures: list(struct({ member: u16, signature: signatureCodec }), MAX_MEMBERS),
  readiness: list(readinessCodec, MAX_CHANGES),
});

/** A signed change list with the readiness of every validator that it adds. */
export type GovernanceTransaction = Infer<typeof governanceTransactionCodec>;

/** Identifier of a change list, the same whoever has signed it so far. */
export const changeListId = (changeList: Uint8Array): Hash => domainHash('cloister/change-list', changeList);

const changeLists = new WeakMap<Uint8Array, { readonly list: ChangeList | undefined }>();

/** The change list of a transaction; undefined when its bytes are not canonical. Decoded once for each array of bytes. */
export const changeListOf = ({
  changeList: encoded,
}: Pick<GovernanceTransaction, 'changeList'>): ChangeList | undefined => {
  const known = changeLists.get(encoded);
  if (known !== undefined) return known.list;
  const list = decodeOrUndefined(changeListCodec, encoded);
  changeLists.set(encoded, { list });
  return list;
};

/** The bytes that a member signs. */
export const governanceBytes = (chainId: ChainId, changeList: Uint8Array): Uint8Array =>
  signingBytes('governance', chainId, changeList);

/** The bytes that a joiner signs. */
export const readinessBytes = (
  chainId: ChainId,
  epoch: Epoch,
  { validatorKey, height, blockHash }: Omit<Readiness, 'signature'>,
): Uint8Array =>
  signingBytes(
    'readiness',
    chainId,
    concatBytes(u64Bytes(epoch), fromHex(validatorKey), u64Bytes(height), fromHex(blockHash)),
  );

/** The bytes that the new key of a rotation signs. */
export const keyRotationBytes = (chainId: ChainId, validatorKey: PublicKey, newKey: PublicKey): Uint8Array =>
  signingBytes('keyRotation', chainId, concatBytes(fromHex(validatorKey), fromHex(newKey)));

/** Encodes a change list. Throws MALFORMED_MESSAGE where a field breaks its range. */
export const encodeChangeList = (changeList: ChangeList): Uint8Array => encode(changeListCodec, changeList);
