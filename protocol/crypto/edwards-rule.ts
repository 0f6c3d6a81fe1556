/**
 * The one Ed25519 validity rule of the network, in the parts that do not depend on an implementation.
 *
 * A signature R ‖ S by key A over M is valid exactly when
 *   1. A and R are canonical encodings (y < p) of points that are not of small order,
 *   2. S < L,
 *   3. the encoding of [S]B − [k]A equals R byte for byte, k = SHA-512(R ‖ A ‖ M) mod L (cofactorless).
 * Implementations differ on crafted signatures (Chalkias, Garillot, Nikolaenko, "Taming the many EdDSAs", 2020), and a
 * network whose members disagree on one signature forks. So the encodings are filtered here, in front of every
 * verifier that we ship.
 */
import { Point } from '@noble/ed25519';

/** y of the two pairs of points of order 8 (little endian; p − y of the first is the second). */
const ORDER_EIGHT = [
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));

/** Low 255 bits of the 32 bytes at `offset` equal the given y. */
function hasOrdinate(bytes: Uint8Array, offset: number, y: Uint8Array): boolean {
  for (let i = 0; i < 31; i += 1) if (bytes[offset + i] !== y[i]) return false;
  return ((bytes[offset + 31] ?? 0) & 0x7f) === y[31];
}

/** Bytes 1 … 30 of the encoding all have the given value. */
function middleIs(bytes: Uint8Array, offset: number, value: number): boolean {
  for (let i = 1; i < 31; i += 1) if (bytes[offset + i] !== value) return false;
  return true;
}

/**
 * Whether the 32 bytes at `offset` may stand for a point at all: canonical y and none of the 14 encodings of points of
 * small order (y ∈ {0, 1, −1, ±order-8 ordinates}, either sign). Does not check that the point is on the curve.
 */
export function isPermittedEncoding(bytes: Uint8Array, offset: number): boolean {
  const first = bytes[offset] ?? 0;
  const last = (bytes[offset + 31] ?? 0) & 0x7f;
  if (last === 0x7f && first >= 0xec && middleIs(bytes, offset, 0xff)) return false;
  if (last === 0 && first <= 1 && middleIs(bytes, offset, 0)) return false;
  for (const y of ORDER_EIGHT) if (first === y[0] && hasOrdinate(bytes, offset, y)) return false;
  return true;
}

/** L in little endian: the order of the base point, 2^252 + 27742317777372353535851937790883648493. */
const ORDER_BYTES = Uint8Array.from([
  0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0,
  0, 0, 0, 0, 0, 0, 0, 0, 0x10,
]);

/** Whether the 32 little-endian bytes at `offset` are a reduced scalar, S < L (RFC 8032 §5.1.7 step 1). */
export function isReducedScalar(bytes: Uint8Array, offset: number): boolean {
  for (let i = 31; i >= 0; i -= 1) {
    const s = bytes[offset + i] ?? 0;
    const l = ORDER_BYTES[i] ?? 0;
    if (s !== l) return s < l;
  }
  return false;
}

/** Everything about a signature and a key that can be refused before any curve arithmetic. */
export function passesEncodingRule(signature: Uint8Array, publicKey: Uint8Array): boolean {
  return (
    signature.length === 64 &&
    publicKey.length === 32 &&
    isReducedScalar(signature, 32) &&
    isPermittedEncoding(publicKey, 0) &&
    isPermittedEncoding(signature, 0)
  );
}

/**
 * Whether a public key may be registered: canonical, on the curve and in the subgroup of prime order. Stricter than
 * verification, where a key of mixed order would be accepted by luck for some messages.
 */
export function isAcceptablePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32 || !isPermittedEncoding(publicKey, 0)) return false;
  try {
    return Point.fromBytes(publicKey, false).isTorsionFree();
  } catch {
    return false;
  }
}
