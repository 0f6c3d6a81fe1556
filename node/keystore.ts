/**
 * The node's secrets at rest: one JSON file, encrypted under a passphrase.
 *
 * Holds the validator's consensus key, the libp2p identity and the replica key of the ledger, and with them whether the
 * consensus key may sign (`custody.ts`). Nothing here opens a payload: those keys never leave the enclave.
 */
import { ed25519PublicKey, randomBytes } from '#primitives';
import type { PublicKey } from '../protocol/brand.ts';
import { bytes, decode, encode, type Infer, optional, struct } from '../protocol/codec.ts';
import { fromHex, toHex, utf8 } from '../protocol/hex.ts';
import { FRESH_CUSTODY, type KeyCustody, keyCustodyCodec } from './custody.ts';
import { nodeErrors } from './errors.ts';
import { openWithPassphrase, sealWithPassphrase } from './passphrase-seal.ts';

const bareSecrets = { validator: bytes(32), network: bytes(32), replica: bytes(32) };
/** `next`: the consensus key that is to follow `validator`, from `guard rotate` until the network has carried it out. */
const secretsCodec = struct({ ...bareSecrets, next: optional(bytes(32)) });
const contentCodec = struct({ secrets: secretsCodec, custody: keyCustodyCodec });

/** The node's secrets; never logged, never part of an error. */
export type NodeSecrets = Infer<typeof secretsCodec>;

/** What a keystore file holds. */
export interface NodeKeystore {
  readonly secrets: NodeSecrets;
  readonly custody: KeyCustody;
}

/** Version 1 held the secrets alone; its key counts as fresh. */
const FORMATS = { bare: 'cloister-node-keystore/1', current: 'cloister-node-keystore/2' } as const;
const MAX_CONTENT_BYTES = 1024;

interface KeystoreFile {
  readonly format: string;
  readonly validatorKey: PublicKey;
  readonly salt: string;
  readonly sealed: string;
}

/** Fresh secrets. */
export const createSecrets = (): NodeSecrets => ({
  validator: randomBytes(32),
  network: randomBytes(32),
  replica: randomBytes(32),
  next: undefined,
});

/** The public key of an Ed25519 secret. */
export const publicKeyOf = (secret: Uint8Array): PublicKey => toHex(ed25519PublicKey(secret)) as PublicKey;

/** Public key of the validator that these are the secrets of. */
export const validatorKeyOf = ({ validator }: NodeSecrets): PublicKey => publicKeyOf(validator);

/** Consensus secrets of a validator: the one in use, then the one that is to follow it, if any. */
export const validatorSecretsOf = ({ validator, next }: Pick<NodeSecrets, 'validator' | 'next'>): Uint8Array[] =>
  next === undefined ? [validator] : [validator, next];

/** Their public keys, in that order. */
export const validatorKeysOf = (secrets: NodeSecrets): PublicKey[] => validatorSecretsOf(secrets).map(publicKeyOf);

/** The keystore once the key that was to follow is in use among these; the given one before. */
export const afterRotation = (keystore: NodeKeystore, inUse: readonly PublicKey[]): NodeKeystore => {
  const { secrets, custody } = keystore;
  const [, nextKey] = validatorKeysOf(secrets);
  if (secrets.next === undefined || nextKey === undefined || !inUse.includes(nextKey)) return keystore;
  return { secrets: { ...secrets, validator: secrets.next, next: undefined }, custody };
};

/** The keystore file's text. */
export const sealNodeKeystore = (keystore: NodeKeystore, passphrase: string): string => {
  const { salt, sealed } = sealWithPassphrase(passphrase, utf8(FORMATS.current), encode(contentCodec, keystore));
  const file: KeystoreFile = {
    format: FORMATS.current,
    validatorKey: validatorKeyOf(keystore.secrets),
    salt: toHex(salt),
    sealed: toHex(sealed),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
};

/** Opens a keystore file's text. Throws KEYSTORE_LOCKED for a wrong passphrase or a damaged file. */
export const openNodeKeystore = (text: string, passphrase: string): NodeKeystore => {
  try {
    const { format, salt, sealed } = JSON.parse(text) as Partial<KeystoreFile>;
    const known = Object.values(FORMATS).find((candidate) => candidate === format);
    if (known === undefined || typeof salt !== 'string' || typeof sealed !== 'string') throw new TypeError('format');
    const opened = openWithPassphrase(passphrase, utf8(known), { salt: fromHex(salt), sealed: fromHex(sealed) });
    if (opened === undefined) throw new TypeError('sealed');
    if (known === FORMATS.current) return decode(contentCodec, opened, MAX_CONTENT_BYTES);
    const bare = decode(struct(bareSecrets), opened, MAX_CONTENT_BYTES);
    return { secrets: { ...bare, next: undefined }, custody: FRESH_CUSTODY };
  } catch {
    // The cause is left out on purpose: it could describe decrypted bytes.
    throw nodeErrors.error('KEYSTORE_LOCKED');
  }
};
