/** Both implementations of the primitives satisfy one interface and give the same bytes for the same input. */
import { describe, expect, it } from 'vitest';
import * as selected from '#primitives';
import * as native from '../../../protocol/crypto/native.ts';
import * as portable from '../../../protocol/crypto/portable.ts';
import type { Primitives } from '../../../protocol/crypto/primitives.ts';
import { hex, pattern, unhex } from './bytes.ts';

const implementations: readonly (readonly [string, Primitives])[] = [
  ['native', native],
  ['portable', portable],
];
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

it('Node selects the native implementation', () => {
  expect(selected.sha256).toBe(native.sha256);
});

describe.each(implementations)('%s', (_name, p) => {
  it('hashes the published examples (FIPS 180-4, FIPS 202)', () => {
    expect(hex(p.sha256(ascii('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hex(p.sha384(ascii('abc')))).toBe(
      'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
    );
    expect(hex(p.sha3_256(ascii('abc')))).toBe('3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532');
    expect(hex(p.shake256(32))).toBe('46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f');
  });

  it('computes HMAC-SHA256 (RFC 4231, case 2)', () => {
    const mac = p.hmacSha256(ascii('Jefe'), ascii('what do ya want '), ascii('for nothing?'));
    expect(hex(mac)).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  });

  it('computes X25519 (RFC 7748 §5.2)', () => {
    const scalar = unhex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    const u = unhex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
    const shared = p.x25519(scalar, u);
    expect(shared && hex(shared)).toBe('c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552');
  });

  it('refuses X25519 keys that force a zero secret, and wrong lengths', () => {
    for (const key of [new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31)), new Uint8Array(31)]) {
      expect(p.x25519(pattern(32), key)).toBeUndefined();
    }
  });

  it('seals and opens (RFC 8439 §2.8.2)', () => {
    const key = pattern(32, 0x80);
    const nonce = unhex('070000004041424344454647');
    const aad = unhex('50515253c0c1c2c3c4c5c6c7');
    const text = ascii(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed = p.aeadSeal(key, nonce, aad, text);
    expect(hex(sealed.subarray(-16))).toBe('1ae10b594f09e26a7e902ecbd0600691');
    expect(p.aeadOpen(key, nonce, aad, sealed)).toEqual(text);
    for (const at of [0, 50, sealed.length - 1]) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(p.aeadOpen(key, nonce, aad, changed)).toBeUndefined();
    }
    expect(p.aeadOpen(key, nonce, ascii('other'), sealed)).toBeUndefined();
    expect(p.aeadOpen(key, nonce, aad, sealed.subarray(0, 15))).toBeUndefined();
    expect(p.aeadOpen(key, nonce, aad, p.aeadSeal(key, nonce, aad, new Uint8Array(0)))).toHaveLength(0);
  });

  it('throws on its own caller giving a secret or nonce of the wrong length', () => {
    const short = new Uint8Array(31);
    const nonce = new Uint8Array(12);
    expect(() => p.aeadSeal(short, nonce, short, short)).toThrow(RangeError);
    expect(() => p.aeadOpen(pattern(32), nonce.subarray(1), short, short)).toThrow(RangeError);
    expect(() => p.ed25519Sign(short, short)).toThrow(RangeError);
    expect(() => p.x25519(short, pattern(32))).toThrow(RangeError);
    expect(() => p.mlKem768Keygen(short)).toThrow(RangeError);
  });

  it('refuses malformed ML-KEM keys and ciphertexts', () => {
    const { publicKey } = p.mlKem768Keygen(pattern(64));
    expect(p.mlKem768Encapsulate(publicKey.subarray(1), pattern(32))).toBeUndefined();
    expect(p.mlKem768Encapsulate(new Uint8Array(1184).fill(0xff), pattern(32))).toBeUndefined();
    expect(p.mlKem768Decapsulate(new Uint8Array(1087), pattern(64))).toBeUndefined();
    expect(p.mlKem768Decapsulate(new Uint8Array(1088), pattern(64))).toHaveLength(32);
  });

  it('notices that the array of a secret was overwritten', () => {
    const secret = pattern(32);
    const before = p.ed25519PublicKey(secret);
    secret.fill(9);
    expect(p.ed25519PublicKey(secret)).toEqual(p.ed25519PublicKey(new Uint8Array(32).fill(9)));
    expect(p.ed25519PublicKey(secret)).not.toEqual(before);
  });

  it('returns plain arrays', () => {
    for (const bytes of [p.sha256(), p.hmacSha256(pattern(3)), p.randomBytes(5), p.ed25519PublicKey(pattern(32))]) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
    }
  });
});

describe('native and portable agree', () => {
  it('on hashes of every length around a block and beyond one-shot size', () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 135, 136, 137, 1000, 20_000]) {
      const parts = [pattern(length), pattern(7), pattern(length, 3)];
      expect(native.sha256(...parts)).toEqual(portable.sha256(...parts));
      expect(native.sha384(...parts)).toEqual(portable.sha384(...parts));
      expect(native.sha512(...parts)).toEqual(portable.sha512(...parts));
      expect(native.sha3_256(...parts)).toEqual(portable.sha3_256(...parts));
      expect(native.shake256(200, ...parts)).toEqual(portable.shake256(200, ...parts));
      expect(native.hmacSha256(pattern(length, 5), ...parts)).toEqual(
        portable.hmacSha256(pattern(length, 5), ...parts),
      );
      const sealed = native.aeadSeal(pattern(32), pattern(12), pattern(length), pattern(length, 9));
      expect(sealed).toEqual(portable.aeadSeal(pattern(32), pattern(12), pattern(length), pattern(length, 9)));
      expect(portable.aeadOpen(pattern(32), pattern(12), pattern(length), sealed)).toEqual(pattern(length, 9));
    }
  });

  it('on X25519 with unusual u-coordinates', () => {
    const keys = [
      pattern(32),
      pattern(32, 200),
      new Uint8Array(32).fill(0xff),
      Uint8Array.of(0xee, ...new Uint8Array(30).fill(0xff), 0x7f),
    ];
    for (const key of keys) {
      expect(native.x25519(pattern(32, 77), key)).toEqual(portable.x25519(pattern(32, 77), key));
    }
    expect(native.x25519PublicKey(pattern(32, 7))).toEqual(portable.x25519PublicKey(pattern(32, 7)));
  });

  it('on ML-KEM-768, implicit rejection included', () => {
    const seed = pattern(64, 11);
    const { publicKey } = native.mlKem768Keygen(seed);
    expect(publicKey).toEqual(portable.mlKem768Keygen(seed).publicKey);
    const made = native.mlKem768Encapsulate(publicKey, pattern(32, 42));
    expect(made).toBeDefined();
    if (made === undefined) return;
    expect(native.mlKem768Decapsulate(made.ciphertext, seed)).toEqual(made.sharedSecret);
    expect(portable.mlKem768Decapsulate(made.ciphertext, seed)).toEqual(made.sharedSecret);
    const changed = made.ciphertext.slice();
    changed[100] = (changed[100] ?? 0) ^ 4;
    const rejected = native.mlKem768Decapsulate(changed, seed);
    expect(rejected).not.toEqual(made.sharedSecret);
    expect(rejected).toEqual(portable.mlKem768Decapsulate(changed, seed));
  });
});
