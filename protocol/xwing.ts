/**
 * X-Wing: the hybrid key encapsulation of X25519 and ML-KEM-768 (draft-connolly-cfrg-xwing-kem). Safe while either
 * half is: what is recorded today stays closed to a later quantum computer.
 *
 * Invariants: encapsulation takes all its randomness from the caller; foreign keys and ciphertexts give `undefined`,
 * never an exception. Deviation from the draft: an X25519 share that forces an all-zero secret is refused.
 */
import {
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  mlKem768Keygen,
  sha3_256,
  shake256,
  x25519,
  x25519PublicKey,
} from '#primitives';
import type { Encapsulation } from './crypto/primitives.ts';
import { concatBytes } from './hex.ts';

const ML_KEM_PUBLIC_KEY_BYTES = 1184;
const ML_KEM_CIPHERTEXT_BYTES = 1088;

/** Sizes in bytes (draft §5.1). */
export const XWING_SIZES = {
  seed: 32,
  publicKey: 1216,
  ciphertext: 1120,
  sharedSecret: 32,
  randomness: 64,
} as const;

/** The label `\.//^\` of the combiner (draft §5.3). */
const LABEL = Uint8Array.of(0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c);

/** A key pair, expanded once so that each decapsulation costs no key generation. */
export interface XWingKeyPair {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly mlKemSeed: Uint8Array;
  readonly x25519Secret: Uint8Array;
}

/** Key pair of a 32-byte seed (draft §5.2). */
export const xwingKeyPair = (seed: Uint8Array): XWingKeyPair => {
  if (seed.length !== XWING_SIZES.seed) throw new RangeError('an X-Wing seed is 32 bytes long');
  const expanded = shake256(96, seed);
  const mlKemSeed = expanded.slice(0, 64);
  const x25519Secret = expanded.slice(64);
  const publicKey = concatBytes(mlKem768Keygen(mlKemSeed).publicKey, x25519PublicKey(x25519Secret));
  return { seed, publicKey, mlKemSeed, x25519Secret };
};

const combine = (
  mlKemSecret: Uint8Array,
  x25519Shared: Uint8Array,
  x25519Ciphertext: Uint8Array,
  x25519Public: Uint8Array,
): Uint8Array => sha3_256(mlKemSecret, x25519Shared, x25519Ciphertext, x25519Public, LABEL);

/** Encapsulates to a public key with 64 bytes of randomness (draft §5.4.1); undefined when the key is invalid. */
export const xwingEncapsulate = (publicKey: Uint8Array, randomness: Uint8Array): Encapsulation | undefined => {
  if (randomness.length !== XWING_SIZES.randomness) throw new RangeError('X-Wing takes 64 bytes of randomness');
  if (publicKey.length !== XWING_SIZES.publicKey) return undefined;
  const x25519Public = publicKey.subarray(ML_KEM_PUBLIC_KEY_BYTES);
  const ephemeral = randomness.slice(32);
  const shared = x25519(ephemeral, x25519Public);
  const inner = mlKem768Encapsulate(publicKey.subarray(0, ML_KEM_PUBLIC_KEY_BYTES), randomness.subarray(0, 32));
  if (shared === undefined || inner === undefined) return undefined;
  const share = x25519PublicKey(ephemeral);
  return {
    ciphertext: concatBytes(inner.ciphertext, share),
    sharedSecret: combine(inner.sharedSecret, shared, share, x25519Public),
  };
};

/** Shared secret of a ciphertext (draft §5.5); a wrong ciphertext of the right size gives an unrelated secret. */
export const xwingDecapsulate = (keyPair: XWingKeyPair, ciphertext: Uint8Array): Uint8Array | undefined => {
  if (ciphertext.length !== XWING_SIZES.ciphertext) return undefined;
  const share = ciphertext.subarray(ML_KEM_CIPHERTEXT_BYTES);
  const shared = x25519(keyPair.x25519Secret, share);
  const inner = mlKem768Decapsulate(ciphertext.subarray(0, ML_KEM_CIPHERTEXT_BYTES), keyPair.mlKemSeed);
  if (shared === undefined || inner === undefined) return undefined;
  return combine(inner, shared, share, keyPair.publicKey.subarray(ML_KEM_PUBLIC_KEY_BYTES));
};

const ML_KEM_MODULUS = 3329;
const PROBE_SECRET = new Uint8Array(32).fill(1);

/**
 * Whether encapsulating to a public key will succeed: ML-KEM coefficients reduced (FIPS 203 §7.2), X25519 share not of
 * small order. Lets a recipient's key be refused when it is registered rather than when something is sealed to it.
 */
export const isValidXWingPublicKey = (publicKey: Uint8Array): boolean => {
  if (publicKey.length !== XWING_SIZES.publicKey) return false;
  for (let i = 0; i < ML_KEM_PUBLIC_KEY_BYTES - 32; i += 3) {
    const middle = publicKey[i + 1] ?? 0;
    if ((publicKey[i] ?? 0) + 256 * (middle & 0x0f) >= ML_KEM_MODULUS) return false;
    if ((middle >> 4) + 16 * (publicKey[i + 2] ?? 0) >= ML_KEM_MODULUS) return false;
  }
  return x25519(PROBE_SECRET, publicKey.subarray(ML_KEM_PUBLIC_KEY_BYTES)) !== undefined;
};
