/**
 * What makes records opaque at rest: keyed names and authenticated encryption under the replica key.
 *
 * A record's on-disk key is HMAC(kind ‖ height ‖ part), so a stolen disk shows neither kinds nor order. Its value is
 * nonce ‖ ChaCha20-Poly1305 (RFC 8439) with the on-disk key as associated data, so a value opens only in its own place.
 * The nonce is synthetic, HMAC(on-disk key ‖ SHA-256(plaintext)): it repeats only for the same plaintext in the same
 * place, also after a crash (the idea of RFC 8452 and RFC 5297), and needs no source of randomness.
 */
import { aeadOpen, aeadSeal, hmacSha256, sha256 } from '#primitives';
import { concatBytes, u64Bytes, utf8 } from '../protocol/hex.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 16;

/** Bytes that sealing adds to a value. */
export const SEAL_OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES;

/** Derives a 32-byte key for one purpose from the replica key. */
export const purposeKey = (
  replicaKey: Uint8Array,
  purpose: string,
  scope: Uint8Array = new Uint8Array(0),
): Uint8Array => {
  if (replicaKey.length !== 32) throw new RangeError('a replica key has 32 bytes');
  return hmacSha256(replicaKey, utf8(`cloister-v1/${purpose}\0`), scope);
};

/** Sealing of byte strings with a synthetic nonce and associated data. */
export class SyntheticSeal {
  readonly #sealKey: Uint8Array;
  readonly #nonceKey: Uint8Array;

  constructor(replicaKey: Uint8Array, purpose: string, scope?: Uint8Array) {
    this.#sealKey = purposeKey(replicaKey, `${purpose}/seal`, scope);
    this.#nonceKey = purposeKey(replicaKey, `${purpose}/nonce`, scope);
  }

  /** nonce ‖ ciphertext ‖ tag; `digest` is SHA-256 of the plaintext where the caller has it already. */
  seal(place: Uint8Array, plaintext: Uint8Array, digest: Uint8Array = sha256(plaintext)): Uint8Array {
    const nonce = hmacSha256(this.#nonceKey, u64Bytes(place.length), place, digest).subarray(0, NONCE_BYTES);
    return concatBytes(nonce, aeadSeal(this.#sealKey, nonce, place, plaintext));
  }

  /** The plaintext, or undefined when the bytes were altered or belong to another place or key. */
  open(place: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < SEAL_OVERHEAD_BYTES) return undefined;
    return aeadOpen(this.#sealKey, sealed.subarray(0, NONCE_BYTES), place, sealed.subarray(NONCE_BYTES));
  }
}

/** Names and seals the records of one ledger. */
export class RecordCipher {
  readonly #nameKey: Uint8Array;
  readonly #tagKey: Uint8Array;
  readonly #seal: SyntheticSeal;

  constructor(replicaKey: Uint8Array, purpose: string, scope?: Uint8Array) {
    this.#nameKey = purposeKey(replicaKey, `${purpose}/name`, scope);
    this.#tagKey = purposeKey(replicaKey, `${purpose}/tag`, scope);
    this.#seal = new SyntheticSeal(replicaKey, purpose, scope);
  }

  /** On-disk key of a record that is found by height and part. */
  heightKey(kind: number, height: number, part = 0): Uint8Array {
    return hmacSha256(this.#nameKey, Uint8Array.of(kind), u64Bytes(height), u64Bytes(part)).subarray(0, KEY_BYTES);
  }

  /**
   * 32 keyed bytes for a record that is found by a hash: 16 name it, 16 may mask a fixed value that never changes.
   * SHA-256(key ‖ kind ‖ hash): inputs of one fixed length cannot be extended, and it costs a quarter of HMAC, once for
   * every transaction.
   */
  hashTag(kind: number, hash: Uint8Array): Uint8Array {
    if (hash.length !== 32) throw new RangeError('a hash has 32 bytes');
    return sha256(this.#tagKey, Uint8Array.of(kind), hash);
  }

  /** Seals a value for its on-disk key. */
  seal(key: Uint8Array, plaintext: Uint8Array, digest?: Uint8Array): Uint8Array {
    return this.#seal.seal(key, plaintext, digest);
  }

  /** Opens a value found under an on-disk key; undefined when it was altered or moved. */
  open(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    return this.#seal.open(key, sealed);
  }
}
