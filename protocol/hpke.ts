/**
 * HPKE (RFC 9180), base mode: sealing to a public key.
 *
 * Suites: KEM X-Wing (0x647a, the default) or DHKEM(X25519, HKDF-SHA256) (0x0020); KDF HKDF-SHA256 (0x0001);
 * AEAD ChaCha20-Poly1305 (0x0003).
 * Invariants: all randomness is a parameter, so that enclaves seal deterministically; equal randomness with the same
 * key but different content would reuse a nonce, so callers derive it from the content or draw it fresh. Foreign bytes
 * give `undefined`. A context counts its own messages and never reuses a nonce.
 */
import { aeadOpen, aeadSeal, hmacSha256, x25519, x25519PublicKey } from '#primitives';
import { hkdfExpand } from './crypto/hkdf.ts';
import type { Encapsulation } from './crypto/primitives.ts';
import { concatBytes, utf8 } from './hex.ts';
import { XWING_SIZES, type XWingKeyPair, xwingDecapsulate, xwingEncapsulate, xwingKeyPair } from './xwing.ts';

/** Name of a KEM suite. */
export type HpkeSuite = 'x-wing' | 'x25519';

/** What is fixed about a suite: its registered KEM id and sizes in bytes. */
export interface HpkeSuiteInfo {
  readonly kemId: number;
  readonly seedBytes: number;
  readonly publicKeyBytes: number;
  readonly encBytes: number;
  /** Randomness of one encapsulation. */
  readonly randomnessBytes: number;
}

/** The suites that an envelope may name. */
export const HPKE_SUITES: Readonly<Record<HpkeSuite, HpkeSuiteInfo>> = {
  'x-wing': {
    kemId: 0x647a,
    seedBytes: XWING_SIZES.seed,
    publicKeyBytes: XWING_SIZES.publicKey,
    encBytes: XWING_SIZES.ciphertext,
    randomnessBytes: XWING_SIZES.randomness,
  },
  x25519: { kemId: 0x0020, seedBytes: 32, publicKeyBytes: 32, encBytes: 32, randomnessBytes: 32 },
};

/** The suite with a KEM id, if it is one of ours. */
export const hpkeSuiteOf = (kemId: number): HpkeSuite | undefined =>
  kemId === HPKE_SUITES['x-wing'].kemId ? 'x-wing' : kemId === HPKE_SUITES.x25519.kemId ? 'x25519' : undefined;

/** A recipient's key pair. Keep the object: native code remembers its imported form while its arrays live. */
export type HpkeKeyPair =
  | { readonly suite: 'x-wing'; readonly publicKey: Uint8Array; readonly keys: XWingKeyPair }
  | { readonly suite: 'x25519'; readonly publicKey: Uint8Array; readonly secret: Uint8Array };

const EMPTY = new Uint8Array(0);
const VERSION = utf8('HPKE-v1');
const u16Bytes = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

const labels = new Map<string, Uint8Array>();
const label = (name: string): Uint8Array => {
  const known = labels.get(name) ?? utf8(name);
  labels.set(name, known);
  return known;
};

/** LabeledExtract (RFC 9180 §4). */
const extract = (suiteId: Uint8Array, salt: Uint8Array, name: string, ikm: Uint8Array): Uint8Array =>
  hmacSha256(salt, VERSION, suiteId, label(name), ikm);

/** LabeledExpand (RFC 9180 §4). */
const expand = (suiteId: Uint8Array, prk: Uint8Array, name: string, info: Uint8Array, length: number): Uint8Array =>
  hkdfExpand(prk, length, u16Bytes(length), VERSION, suiteId, label(name), info);

const DHKEM_ID = concatBytes(utf8('KEM'), u16Bytes(HPKE_SUITES.x25519.kemId));
const kdfAndAead = concatBytes(u16Bytes(0x0001), u16Bytes(0x0003));
const suiteIds: Readonly<Record<HpkeSuite, Uint8Array>> = {
  'x-wing': concatBytes(utf8('HPKE'), u16Bytes(HPKE_SUITES['x-wing'].kemId), kdfAndAead),
  x25519: concatBytes(utf8('HPKE'), u16Bytes(HPKE_SUITES.x25519.kemId), kdfAndAead),
};

/** DeriveKeyPair of DHKEM(X25519) (RFC 9180 §7.1.3). */
const deriveX25519Secret = (ikm: Uint8Array): Uint8Array =>
  expand(DHKEM_ID, extract(DHKEM_ID, EMPTY, 'dkp_prk', ikm), 'sk', EMPTY, 32);

/** ExtractAndExpand of DHKEM (RFC 9180 §4.1). */
const dhSharedSecret = (dh: Uint8Array, enc: Uint8Array, publicKey: Uint8Array): Uint8Array => {
  const prk = extract(DHKEM_ID, EMPTY, 'eae_prk', dh);
  return expand(DHKEM_ID, prk, 'shared_secret', concatBytes(enc, publicKey), 32);
};

/** Key pair of a 32-byte seed: the X-Wing decapsulation key, or the input of DeriveKeyPair for X25519. */
export const hpkeKeyPair = (suite: HpkeSuite, seed: Uint8Array): HpkeKeyPair => {
  if (seed.length !== HPKE_SUITES[suite].seedBytes) throw new RangeError('an HPKE key seed is 32 bytes long');
  if (suite === 'x-wing') {
    const keys = xwingKeyPair(seed);
    return { suite, publicKey: keys.publicKey, keys };
  }
  const secret = deriveX25519Secret(seed);
  return { suite, publicKey: x25519PublicKey(secret), secret };
};

const encapsulate = (suite: HpkeSuite, publicKey: Uint8Array, randomness: Uint8Array): Encapsulation | undefined => {
  if (randomness.length !== HPKE_SUITES[suite].randomnessBytes) {
    throw new RangeError(`HPKE with ${suite} takes ${HPKE_SUITES[suite].randomnessBytes} bytes of randomness`);
  }
  if (suite === 'x-wing') return xwingEncapsulate(publicKey, randomness);
  const ephemeral = deriveX25519Secret(randomness);
  const dh = x25519(ephemeral, publicKey);
  if (dh === undefined) return undefined;
  const ciphertext = x25519PublicKey(ephemeral);
  return { ciphertext, sharedSecret: dhSharedSecret(dh, ciphertext, publicKey) };
};

const decapsulate = (keyPair: HpkeKeyPair, enc: Uint8Array): Uint8Array | undefined => {
  if (keyPair.suite === 'x-wing') return xwingDecapsulate(keyPair.keys, enc);
  const dh = x25519(keyPair.secret, enc);
  return dh === undefined ? undefined : dhSharedSecret(dh, enc, keyPair.publicKey);
};

const MODE_BASE = Uint8Array.of(0);
const emptyPskHash: Readonly<Record<HpkeSuite, Uint8Array>> = {
  'x-wing': extract(suiteIds['x-wing'], EMPTY, 'psk_id_hash', EMPTY),
  x25519: extract(suiteIds.x25519, EMPTY, 'psk_id_hash', EMPTY),
};

/** An established context (RFC 9180 §5.2, §5.3): one per direction, counting its messages. */
export class HpkeContext {
  readonly #suite: HpkeSuite;
  readonly #key: Uint8Array;
  readonly #baseNonce: Uint8Array;
  readonly #exporterSecret: Uint8Array;
  #sequence = 0;

  /** Key schedule of base mode (RFC 9180 §5.1). */
  constructor(suite: HpkeSuite, sharedSecret: Uint8Array, info: Uint8Array) {
    const id = suiteIds[suite];
    const schedule = concatBytes(MODE_BASE, emptyPskHash[suite], extract(id, EMPTY, 'info_hash', info));
    const secret = extract(id, sharedSecret, 'secret', EMPTY);
    this.#suite = suite;
    this.#key = expand(id, secret, 'key', schedule, 32);
    this.#baseNonce = expand(id, secret, 'base_nonce', schedule, 12);
    this.#exporterSecret = expand(id, secret, 'exp', schedule, 32);
  }

  /** ComputeNonce (RFC 9180 §5.2). */
  #nonce(): Uint8Array {
    const nonce = this.#baseNonce.slice();
    let rest = this.#sequence;
    for (let i = 11; rest > 0; i -= 1) {
      nonce[i] = (nonce[i] ?? 0) ^ (rest % 256);
      rest = Math.floor(rest / 256);
    }
    return nonce;
  }

  #advance(): void {
    if (this.#sequence >= Number.MAX_SAFE_INTEGER) throw new RangeError('the HPKE context has no messages left');
    this.#sequence += 1;
  }

  /** Seals the next message. */
  seal(aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const ciphertext = aeadSeal(this.#key, this.#nonce(), aad, plaintext);
    this.#advance();
    return ciphertext;
  }

  /** Opens the next message; undefined, without advancing, when it is not authentic. */
  open(aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    const plaintext = aeadOpen(this.#key, this.#nonce(), aad, ciphertext);
    if (plaintext !== undefined) this.#advance();
    return plaintext;
  }

  /** Secret that both sides derive for another use (RFC 9180 §5.3). */
  export(exporterContext: Uint8Array, length: number): Uint8Array {
    return expand(suiteIds[this.#suite], this.#exporterSecret, 'sec', exporterContext, length);
  }
}

/** SetupBaseS (RFC 9180 §5.1.1): encapsulated key and sender context; undefined when the public key is invalid. */
export const hpkeSetupSender = (
  suite: HpkeSuite,
  publicKey: Uint8Array,
  info: Uint8Array,
  randomness: Uint8Array,
): { readonly enc: Uint8Array; readonly context: HpkeContext } | undefined => {
  const made = encapsulate(suite, publicKey, randomness);
  if (made === undefined) return undefined;
  return { enc: made.ciphertext, context: new HpkeContext(suite, made.sharedSecret, info) };
};

/** SetupBaseR (RFC 9180 §5.1.1); undefined when the encapsulated key is malformed. */
export const hpkeSetupRecipient = (
  keyPair: HpkeKeyPair,
  enc: Uint8Array,
  info: Uint8Array,
): HpkeContext | undefined => {
  const sharedSecret = decapsulate(keyPair, enc);
  return sharedSecret === undefined ? undefined : new HpkeContext(keyPair.suite, sharedSecret, info);
};

/** Single-shot seal (RFC 9180 §6.1); undefined when the public key is invalid. */
export const hpkeSeal = (
  suite: HpkeSuite,
  publicKey: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  randomness: Uint8Array,
): { readonly enc: Uint8Array; readonly ciphertext: Uint8Array } | undefined => {
  const sender = hpkeSetupSender(suite, publicKey, info, randomness);
  return sender === undefined ? undefined : { enc: sender.enc, ciphertext: sender.context.seal(aad, plaintext) };
};

/** Single-shot open (RFC 9180 §6.1); undefined when anything is malformed or not authentic. */
export const hpkeOpen = (
  keyPair: HpkeKeyPair,
  enc: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined => hpkeSetupRecipient(keyPair, enc, info)?.open(aad, ciphertext);
