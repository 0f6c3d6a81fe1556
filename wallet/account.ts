/**
 * An account: one 32-byte seed from which the signing key, the reply key and the storage key are derived.
 *
 * The seed stays in private fields; nothing that prints, logs or serialises an account shows more than its public key.
 */
import { ed25519PublicKey, ed25519Sign, hmacSha256, randomBytes } from '#primitives';
import type { PublicKey } from '../protocol/brand.ts';
import type { Signer } from '../protocol/call.ts';
import { toHex, utf8 } from '../protocol/hex.ts';
import { type HpkeKeyPair, hpkeKeyPair } from '../protocol/hpke.ts';

/** Bytes of an account's seed. */
export const SEED_BYTES = 32;

/** HKDF-Expand (RFC 5869 §2.3) of a single block: the seed is uniform, so it needs no extraction. */
const derived = (seed: Uint8Array, purpose: string): Uint8Array =>
  hmacSha256(seed, utf8(`cloister/1/account/${purpose}`), Uint8Array.of(1));

/** A party's keys. */
export class Account implements Signer {
  readonly publicKey: PublicKey;
  readonly #seed: Uint8Array;
  readonly #signingSecret: Uint8Array;
  #replyKeyPair: HpkeKeyPair | undefined;

  private constructor(seed: Uint8Array) {
    this.#seed = seed.slice();
    this.#signingSecret = derived(this.#seed, 'signing');
    this.publicKey = toHex(ed25519PublicKey(this.#signingSecret)) as PublicKey;
  }

  /** The account of a seed. Throws RangeError unless it has 32 bytes. */
  static fromSeed(seed: Uint8Array): Account {
    if (seed.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} bytes`);
    return new Account(seed);
  }

  /** Signs as this account. */
  sign(message: Uint8Array): Uint8Array {
    return ed25519Sign(message, this.#signingSecret);
  }

  /** X-Wing key pair to which results and messages are sealed; made at first use. */
  get replyKeyPair(): HpkeKeyPair {
    this.#replyKeyPair ??= hpkeKeyPair('x-wing', derived(this.#seed, 'reply'));
    return this.#replyKeyPair;
  }

  /** Key under which this account's own records rest on the client's disk. */
  storageKey(): Uint8Array {
    return derived(this.#seed, 'storage');
  }

  /** A copy of the seed, for the keystore and for backups: the account itself. */
  exportSeed(): Uint8Array {
    return this.#seed.slice();
  }

  /** What JSON shows: the public key. */
  toJSON(): { readonly publicKey: PublicKey } {
    return { publicKey: this.publicKey };
  }

  /** What inspection in Node shows: the public key. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Account(${this.publicKey})`;
  }
}

/** A new account of system randomness. */
export const createAccount = (): Account => Account.fromSeed(randomBytes(SEED_BYTES));
