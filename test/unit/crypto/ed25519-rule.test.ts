/**
 * One Ed25519 rule: the native verifier, the portable verifier and node:crypto as it is give the same verdict on
 * published vectors and on every kind of crafted signature on which implementations are known to differ.
 */
import * as crypto from 'node:crypto';
import { Point, utils } from '@noble/ed25519';
import { describe, expect, it } from 'vitest';
import * as native from '../../../protocol/crypto/native.ts';
import * as portable from '../../../protocol/crypto/portable.ts';
import { hex, pattern, unhex } from './bytes.ts';
import { speccheck } from './speccheck-vectors.ts';

const P = 2n ** 255n - 19n;
const L = Point.CURVE().n;

const scalarBytes = (value: bigint): Uint8Array => unhex(value.toString(16).padStart(64, '0')).toReversed();
const scalar = (bytes: Uint8Array): bigint => BigInt(`0x${hex(bytes.toReversed())}`);
const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const encoded = (y: bigint, sign: 0 | 1): Uint8Array => scalarBytes(y | (BigInt(sign) << 255n));
const challenge = (r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint =>
  scalar(new Uint8Array(crypto.createHash('sha512').update(r).update(a).update(message).digest())) % L;

/** L·Q by double and add: the library's own multiplication takes scalars below L only. */
const timesOrder = (point: Point): Point => point.multiply(L - 1n, false).add(point);

/** A point of order 8, found without knowing its coordinates. */
const orderEight = ((): Point => {
  for (let y = 2n; ; y += 1n) {
    try {
      const candidate = timesOrder(Point.fromBytes(encoded(y, 0)));
      if (!candidate.double().double().is0()) return candidate;
    } catch {}
  }
})();
const torsion = Array.from({ length: 8 }, (_, i) => orderEight.multiply(BigInt(i), false));

/** All encodings, canonical or not, that some decoder takes for a point of small order. */
const smallOrderEncodings = [
  ...new Set(
    torsion.flatMap((point) => {
      const y = point.toAffine().y;
      return (y + P < 2n ** 255n ? [y, y + P] : [y]).flatMap((value) => [
        hex(encoded(value, 0)),
        hex(encoded(value, 1)),
      ]);
    }),
  ),
].map(unhex);

const verdict = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
  const ours = native.ed25519Verify(signature, message, publicKey);
  expect(portable.ed25519Verify(signature, message, publicKey), `portable on ${hex(signature)} ${hex(publicKey)}`).toBe(
    ours,
  );
  return ours;
};

const plainNode = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
  const key = crypto.createPublicKey({ key: publicKey, format: 'raw-public', asymmetricKeyType: 'ed25519' });
  return crypto.verify(null, message, key, signature);
};

/** A signature whose R and A carry the given small-order parts; valid with cofactor, without it only by luck. */
const crafted = (message: Uint8Array, rPart: Point, aPart: Point): { signature: Uint8Array; publicKey: Uint8Array } => {
  const { scalar: a, point } = utils.getExtendedPublicKey(pattern(32, 17));
  const r = 0x1234567890abcdefn;
  const publicKey = point.add(aPart).toBytes();
  const encodedR = Point.BASE.multiply(r).add(rPart).toBytes();
  const s = (r + challenge(encodedR, publicKey, message) * a) % L;
  return { signature: joined(encodedR, scalarBytes(s)), publicKey };
};

describe('RFC 8032 §7.1', () => {
  const vectors = [
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ] as const;
  it.each(vectors)('secret %s', (secret, publicKey, message, signature) => {
    for (const p of [native, portable]) {
      expect(hex(p.ed25519PublicKey(unhex(secret)))).toBe(publicKey);
      expect(hex(p.ed25519Sign(unhex(message), unhex(secret)))).toBe(signature);
      expect(p.isAcceptablePublicKey(unhex(publicKey))).toBe(true);
    }
    expect(verdict(unhex(signature), unhex(message), unhex(publicKey))).toBe(true);
  });
});

describe('crafted signatures', () => {
  it.each(speccheck)('speccheck vector %#', (message, publicKey, signature, _about, accepted) => {
    expect(verdict(unhex(signature), unhex(message), unhex(publicKey))).toBe(accepted);
    expect(plainNode(unhex(signature), unhex(message), unhex(publicKey))).toBe(accepted);
  });

  it('refuses every pair of the 14 small-order encodings', () => {
    expect(smallOrderEncodings).toHaveLength(14);
    for (const publicKey of smallOrderEncodings) {
      for (const r of smallOrderEncodings) {
        const signature = joined(r, new Uint8Array(32));
        expect(verdict(signature, pattern(5), publicKey)).toBe(false);
        expect(plainNode(signature, pattern(5), publicKey)).toBe(false);
      }
    }
  });

  it('refuses small-order A with honest R, and small-order R with honest A', () => {
    const message = pattern(9);
    for (const small of smallOrderEncodings) {
      const r = 7n;
      const encodedR = Point.BASE.multiply(r).toBytes();
      expect(verdict(joined(encodedR, scalarBytes(r)), message, small)).toBe(false);
      const { scalar: a, pointBytes } = utils.getExtendedPublicKey(pattern(32));
      const s = (challenge(small, pointBytes, message) * a) % L;
      expect(verdict(joined(small, scalarBytes(s)), message, pointBytes)).toBe(false);
    }
  });

  it('refuses R of mixed order and gives one verdict for A of mixed order', () => {
    let lucky = 0;
    for (let i = 0; i < 64; i += 1) {
      const message = pattern(4, i);
      const part = torsion[1 + (i % 7)] ?? Point.ZERO;
      const mixedR = crafted(message, part, Point.ZERO);
      expect(verdict(mixedR.signature, message, mixedR.publicKey)).toBe(false);
      const mixedA = crafted(message, Point.ZERO, part);
      const accepted = verdict(mixedA.signature, message, mixedA.publicKey);
      expect(plainNode(mixedA.signature, message, mixedA.publicKey)).toBe(accepted);
      expect(native.isAcceptablePublicKey(mixedA.publicKey)).toBe(false);
      lucky += accepted ? 1 : 0;
    }
    expect(lucky).toBeGreaterThan(0);
    expect(lucky).toBeLessThan(64);
  });

  it('refuses S + L, S = L and lengths other than 64 and 32', () => {
    const message = pattern(40);
    const publicKey = native.ed25519PublicKey(pattern(32, 3));
    const signature = native.ed25519Sign(message, pattern(32, 3));
    expect(verdict(signature, message, publicKey)).toBe(true);
    const s = scalar(signature.subarray(32));
    for (const other of [s + L, L, s + 2n * L]) {
      expect(verdict(joined(signature.subarray(0, 32), scalarBytes(other)), message, publicKey)).toBe(false);
    }
    expect(verdict(signature.subarray(1), message, publicKey)).toBe(false);
    expect(verdict(joined(signature, new Uint8Array(1)), message, publicKey)).toBe(false);
    expect(verdict(signature, message, publicKey.subarray(1))).toBe(false);
    expect(verdict(signature, message, new Uint8Array(0))).toBe(false);
  });

  it('refuses every changed bit of signature, key and message', () => {
    const message = pattern(8, 60);
    const publicKey = portable.ed25519PublicKey(pattern(32, 5));
    const whole = joined(portable.ed25519Sign(message, pattern(32, 5)), publicKey, message);
    for (let bit = 0; bit < whole.length * 8; bit += 5) {
      const changed = whole.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdict(changed.subarray(0, 64), changed.subarray(96), changed.subarray(64, 96))).toBe(false);
    }
  });
});

describe('registration of public keys', () => {
  it('refuses non-canonical encodings and points of small order', () => {
    for (let y = P; y < 2n ** 255n; y += 1n) {
      for (const sign of [0, 1] as const) {
        expect(native.isAcceptablePublicKey(encoded(y, sign))).toBe(false);
        expect(verdict(joined(encoded(y, sign), new Uint8Array(32)), pattern(3), encoded(y, sign))).toBe(false);
      }
    }
    for (const small of smallOrderEncodings) expect(native.isAcceptablePublicKey(small)).toBe(false);
  });

  it('refuses bytes that are no point, and wrong lengths', () => {
    expect(native.isAcceptablePublicKey(encoded(2n, 0))).toBe(false);
    expect(native.isAcceptablePublicKey(new Uint8Array(31))).toBe(false);
    expect(native.isAcceptablePublicKey(native.ed25519PublicKey(pattern(32, 99)))).toBe(true);
  });
});
