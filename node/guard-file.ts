/**
 * The guard file: a validator's key and everything that it has promised, in one sealed piece, on its way to another
 * home. Neither can be had without the other.
 *
 * Text, JSON, format `cloister-guard/1`: clear fields that name it (guard id, chain, validator key, generation, time),
 * the content sealed under a passphrase with these fields as associated data, and a digest over all of it, which tells
 * damage from a wrong passphrase. Only the exact text that `sealGuard` wrote is accepted.
 */
import { sha256 } from '#primitives';
import type { ChainId, PublicKey } from '../protocol/brand.ts';
import { byteString, bytes, decode, encode, type Infer, optional, struct, text, u64 } from '../protocol/codec.ts';
import { fromHex, toHex, utf8 } from '../protocol/hex.ts';
import { promisesCodec } from './guard-state.ts';
import { nodeErrors } from './errors.ts';
import { openWithPassphrase, sealWithPassphrase } from './passphrase-seal.ts';

const FORMAT = 'cloister-guard/1';
const MAX_TEXT_BYTES = 8 * 1024 * 1024;
const MAX_BLOB_BYTES = 1024 * 1024;
const MAX_CONTENT_BYTES = 256 * 1024 * 1024;

const contentCodec = struct({
  /** Consensus key, and the identity that peers know it by. */
  validator: bytes(32),
  network: bytes(32),
  promises: promisesCodec,
  /** Number of the key's last start. */
  run: u64,
  /** Genesis and descriptor as they lie in the home. */
  genesis: text(MAX_TEXT_BYTES),
  descriptor: optional(text(MAX_TEXT_BYTES)),
  /** Simulated platform only, whose processor is a file: what the genesis binds this validator's enclave to. */
  enclave: optional(
    struct({
      processor: byteString(MAX_BLOB_BYTES),
      identity: byteString(MAX_BLOB_BYTES),
      epoch: optional(byteString(MAX_BLOB_BYTES)),
    }),
  ),
});

/** What a guard file carries; secret. */
export type GuardContent = Infer<typeof contentCodec>;

/** What everyone may read of a guard file. */
export interface GuardHeader {
  /** Names this move: 16 bytes as hexadecimal digits. */
  readonly guard: string;
  readonly chainId: ChainId;
  readonly validatorKey: PublicKey;
  /** Moves of the key up to and with this one. */
  readonly generation: number;
  readonly exportedAt: string;
}

/** A guard file that was opened. */
export interface Guard extends GuardHeader {
  readonly content: GuardContent;
}

const digestOf = (fields: object): string => toHex(sha256(utf8(JSON.stringify(fields))));
const labelOf = ({ guard, chainId, validatorKey, generation, exportedAt }: GuardHeader): Uint8Array =>
  utf8(JSON.stringify([FORMAT, guard, chainId, validatorKey, generation, exportedAt]));

/** The file's text. */
export const sealGuard = (
  { guard, chainId, validatorKey, generation, exportedAt, content }: Guard,
  passphrase: string,
): string => {
  const header: GuardHeader = { guard, chainId, validatorKey, generation, exportedAt };
  const { salt, sealed } = sealWithPassphrase(passphrase, labelOf(header), encode(contentCodec, content));
  const fields = { format: FORMAT, ...header, salt: toHex(salt), sealed: toHex(sealed) };
  return `${JSON.stringify({ ...fields, digest: digestOf(fields) }, null, 2)}\n`;
};

interface GuardFields extends GuardHeader {
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}

const damaged = (reason: string): Error => nodeErrors.error('GUARD_DAMAGED', { reason });

/** Later versions keep the digest as the last field, so that damage is never taken for another version. */
const checkedFields = (file: string): Record<string, unknown> => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(file);
  } catch {
    throw damaged('it is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw damaged('it is not an object');
  const { digest, ...fields } = parsed as Record<string, unknown>;
  if (`${JSON.stringify({ ...fields, digest }, null, 2)}\n` !== file || digest !== digestOf(fields))
    throw damaged('its digest does not fit');
  return fields;
};

const isDigits = (value: unknown, byteLength?: number): value is string =>
  typeof value === 'string' &&
  /^(?:[0-9a-f]{2})*$/.test(value) &&
  (byteLength === undefined || value.length === 2 * byteLength);

const readFields = (file: string): GuardFields => {
  const { format, guard, chainId, validatorKey, generation, exportedAt, salt, sealed } = checkedFields(file);
  if (format !== FORMAT) throw nodeErrors.error('GUARD_UNSUPPORTED', { format: String(format) });
  const sound =
    isDigits(guard, 16) &&
    isDigits(chainId, 32) &&
    isDigits(validatorKey, 32) &&
    Number.isSafeInteger(generation) &&
    typeof exportedAt === 'string' &&
    isDigits(salt, 16) &&
    isDigits(sealed);
  if (!sound) throw damaged('a field is missing');
  return {
    guard,
    chainId: chainId as ChainId,
    validatorKey: validatorKey as PublicKey,
    generation: generation as number,
    exportedAt,
    salt: fromHex(salt),
    sealed: fromHex(sealed),
  };
};

/** The clear fields of a guard file. Throws GUARD_DAMAGED or GUARD_UNSUPPORTED. */
export const readGuardHeader = (file: string): GuardHeader => readFields(file);

/** Opens a guard file. Throws GUARD_DAMAGED, GUARD_UNSUPPORTED, or GUARD_LOCKED for another passphrase. */
export const openGuard = (file: string, passphrase: string): Guard => {
  const fields = readFields(file);
  const { guard, chainId, validatorKey, generation, exportedAt } = fields;
  const opened = openWithPassphrase(passphrase, labelOf(fields), fields);
  if (opened === undefined) throw nodeErrors.error('GUARD_LOCKED');
  try {
    const content = decode(contentCodec, opened, MAX_CONTENT_BYTES);
    return { guard, chainId, validatorKey, generation, exportedAt, content };
  } catch {
    // Without cause: it could describe decrypted bytes.
    throw damaged('its content cannot be read');
  }
};
