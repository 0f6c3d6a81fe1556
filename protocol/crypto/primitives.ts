/**
 * The one interface of all cryptographic primitives. `native.ts` (Node) and `portable.ts` (browsers) both satisfy it
 * and are interchangeable byte for byte; code imports them as `#primitives`.
 *
 * Invariants:
 * - Every function is deterministic except `randomBytes`.
 * - Results are plain Uint8Arrays owned by the caller. They may share a larger ArrayBuffer: whoever needs `.buffer`
 *   must also use `.byteOffset` and `.byteLength`.
 * - Foreign bytes give a verdict (`false` or `undefined`), never an exception. A caller's own mistake (a secret or a
 *   nonce of the wrong length) throws a RangeError.
 * - Secrets are passed as Uint8Arrays and must not be modified while they are in use: implementations may keep the
 *   prepared form of a secret for as long as the caller keeps that very array, and not longer.
 */

/** Result of a key encapsulation: the ciphertext for the recipient and the secret that both sides now share. */
export interface Encapsulation {
  readonly ciphertext: Uint8Array;
  readonly sharedSecret: Uint8Array;
}

/** ML-KEM-768 key pair in its compact form: the caller's 64-byte seed (d ‖ z) and the 1184-byte encapsulation key. */
export interface MlKemKeyPair {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Sizes in bytes of keys, ciphertexts, nonces and tags of the primitives. */
export const SIZES = {
  sha256: 32,
  ed25519Secret: 32,
  ed25519PublicKey: 32,
  ed25519Signature: 64,
  x25519Key: 32,
  aeadKey: 32,
  aeadNonce: 12,
  aeadTag: 16,
  mlKemSeed: 64,
  mlKemPublicKey: 1184,
  mlKemCiphertext: 1088,
  mlKemRandomness: 32,
} as const;

/** All primitives. */
export interface Primitives {
  /** SHA-256 (FIPS 180-4) of the concatenated parts. */
  readonly sha256: (...parts: readonly Uint8Array[]) => Uint8Array;
  /** SHA-384 (FIPS 180-4) of the concatenated parts. */
  readonly sha384: (...parts: readonly Uint8Array[]) => Uint8Array;
  /** SHA-512 (FIPS 180-4) of the concatenated parts. */
  readonly sha512: (...parts: readonly Uint8Array[]) => Uint8Array;
  /** SHA3-256 (FIPS 202) of the concatenated parts. */
  readonly sha3_256: (...parts: readonly Uint8Array[]) => Uint8Array;
  /** SHAKE256 (FIPS 202) of the concatenated parts, `length` bytes long. */
  readonly shake256: (length: number, ...parts: readonly Uint8Array[]) => Uint8Array;
  /** HMAC-SHA256 (RFC 2104) of the concatenated parts. */
  readonly hmacSha256: (key: Uint8Array, ...parts: readonly Uint8Array[]) => Uint8Array;
  /** Ed25519 public key of a 32-byte secret (RFC 8032 §5.1.5). */
  readonly ed25519PublicKey: (secret: Uint8Array) => Uint8Array;
  /** Ed25519 signature (RFC 8032 §5.1.6). */
  readonly ed25519Sign: (message: Uint8Array, secret: Uint8Array) => Uint8Array;
  /** The one verification rule of the network: see `edwards-rule.ts`. */
  readonly ed25519Verify: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean;
  /** Whether a key may be registered: canonical, on the curve, of prime order. Costs about a millisecond. */
  readonly isAcceptablePublicKey: (publicKey: Uint8Array) => boolean;
  /** X25519 (RFC 7748 §5); undefined when the shared secret would be all zero or the key has the wrong length. */
  readonly x25519: (secret: Uint8Array, publicKey: Uint8Array) => Uint8Array | undefined;
  /** X25519 public key of a 32-byte secret. */
  readonly x25519PublicKey: (secret: Uint8Array) => Uint8Array;
  /** ChaCha20-Poly1305 (RFC 8439 §2.8): ciphertext followed by the 16-byte tag. */
  readonly aeadSeal: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array) => Uint8Array;
  /** Opens what `aeadSeal` made; undefined when it is not authentic. */
  readonly aeadOpen: (
    key: Uint8Array,
    nonce: Uint8Array,
    aad: Uint8Array,
    ciphertext: Uint8Array,
  ) => Uint8Array | undefined;
  /** ML-KEM-768 key generation from the seed d ‖ z (FIPS 203 §7.1). */
  readonly mlKem768Keygen: (seed: Uint8Array) => MlKemKeyPair;
  /** ML-KEM-768 encapsulation with given randomness m (FIPS 203 §6.2); undefined when the key is invalid (§7.2). */
  readonly mlKem768Encapsulate: (publicKey: Uint8Array, randomness: Uint8Array) => Encapsulation | undefined;
  /** ML-KEM-768 decapsulation (FIPS 203 §7.3, implicit rejection); undefined only for a wrong length. */
  readonly mlKem768Decapsulate: (ciphertext: Uint8Array, seed: Uint8Array) => Uint8Array | undefined;
  /** Bytes of the system's random generator. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Refuses a caller's own argument of the wrong length. */
export function requireLength(name: string, value: Uint8Array, length: number): void {
  if (value.length !== length) throw new RangeError(`${name} must be ${length} bytes long, not ${value.length}`);
}
