/** HPKE against RFC 9180 Appendix A.2.1, X-Wing against its draft and an independent implementation. */
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { describe, expect, it } from 'vitest';
import {
  type HpkeSuite,
  hpkeKeyPair,
  hpkeOpen,
  hpkeSeal,
  hpkeSetupRecipient,
  hpkeSetupSender,
} from '../../../protocol/hpke.ts';
import { xwingDecapsulate, xwingEncapsulate, xwingKeyPair } from '../../../protocol/xwing.ts';
import { hex, pattern, unhex } from './bytes.ts';

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const hexOf = (bytes: Uint8Array | undefined): string => (bytes === undefined ? 'refused' : hex(bytes));

describe('X-Wing', () => {
  it('reproduces the first vector of the draft', () => {
    const keyPair = xwingKeyPair(unhex('7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26'));
    const randomness = unhex(
      '3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2' +
        '35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2',
    );
    const made = xwingEncapsulate(keyPair.publicKey, randomness);
    const expected = 'd2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384';
    expect(hexOf(made?.sharedSecret)).toBe(expected);
    expect(hexOf(made && xwingDecapsulate(keyPair, made.ciphertext))).toBe(expected);
  });

  it('agrees with an independent implementation', () => {
    for (const start of [0, 50, 170]) {
      const ours = xwingKeyPair(pattern(32, start));
      const theirs = ml_kem768_x25519.keygen(pattern(32, start));
      expect(hex(ours.publicKey)).toBe(hex(theirs.publicKey));
      const made = xwingEncapsulate(ours.publicKey, pattern(64, start));
      const other = ml_kem768_x25519.encapsulate(theirs.publicKey, pattern(64, start));
      expect(hexOf(made?.ciphertext)).toBe(hex(other.cipherText));
      expect(hexOf(made?.sharedSecret)).toBe(hex(other.sharedSecret));
    }
  });

  it('refuses malformed keys and ciphertexts', () => {
    const keyPair = xwingKeyPair(pattern(32));
    expect(xwingEncapsulate(keyPair.publicKey.subarray(1), pattern(64))).toBeUndefined();
    expect(xwingEncapsulate(new Uint8Array(1216).fill(0xff), pattern(64))).toBeUndefined();
    const zeroShare = keyPair.publicKey.slice();
    zeroShare.fill(0, 1184);
    expect(xwingEncapsulate(zeroShare, pattern(64))).toBeUndefined();
    expect(xwingDecapsulate(keyPair, new Uint8Array(1119))).toBeUndefined();
    expect(xwingDecapsulate(keyPair, new Uint8Array(1120))).toBeUndefined();
  });
});

describe('HPKE, RFC 9180 A.2.1', () => {
  const info = unhex('4f6465206f6e2061204772656369616e2055726e');
  const recipient = hpkeKeyPair('x25519', unhex('1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df'));
  const ikmE = unhex('909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b');
  const text = unhex('4265617574792069732074727574682c20747275746820626561757479');

  it('derives keys, seals in sequence and exports', () => {
    expect(hex(recipient.publicKey)).toBe('4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a');
    const sender = hpkeSetupSender('x25519', recipient.publicKey, info, ikmE);
    expect(hexOf(sender?.enc)).toBe('1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a');
    const opener = sender && hpkeSetupRecipient(recipient, sender.enc, info);
    for (const [aad, expected] of [
      ['Count-0', '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28'],
      ['Count-1', '6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98c'],
    ] as const) {
      const sealed = sender?.context.seal(ascii(aad), text);
      expect(hexOf(sealed)).toBe(expected);
      expect(sealed && opener?.open(ascii('Count-9'), sealed)).toBeUndefined();
      expect(sealed && opener?.open(ascii(aad), sealed)).toEqual(text);
    }
    const exported = (context: Uint8Array): string => hexOf(opener?.export(context, 32));
    expect(exported(new Uint8Array(0))).toBe('4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e');
    expect(exported(unhex('00'))).toBe('8c1df14732580e5501b00f82b10a1647b40713191b7c1240ac80e2b68808ba69');
    expect(exported(ascii('TestContext'))).toBe('5acb09211139c43b3090489a9da433e8a30ee7188ba8b0a9a1ccf0c229283e53');
  });
});

describe.each(['x-wing', 'x25519'] as const)('HPKE with %s', (suite: HpkeSuite) => {
  const keyPair = hpkeKeyPair(suite, pattern(32, 4));
  const randomness = pattern(suite === 'x-wing' ? 64 : 32, 99);

  it('is deterministic in its randomness and opens only unchanged', () => {
    const sealed = hpkeSeal(suite, keyPair.publicKey, ascii('info'), ascii('aad'), ascii('text'), randomness);
    expect(sealed).toEqual(hpkeSeal(suite, keyPair.publicKey, ascii('info'), ascii('aad'), ascii('text'), randomness));
    if (sealed === undefined) throw new Error('the key is valid');
    const { enc, ciphertext } = sealed;
    expect(hpkeOpen(keyPair, enc, ascii('info'), ascii('aad'), ciphertext)).toEqual(ascii('text'));
    expect(hpkeOpen(keyPair, enc, ascii('Info'), ascii('aad'), ciphertext)).toBeUndefined();
    expect(hpkeOpen(keyPair, enc, ascii('info'), ascii('Aad'), ciphertext)).toBeUndefined();
    expect(hpkeOpen(keyPair, enc.subarray(1), ascii('info'), ascii('aad'), ciphertext)).toBeUndefined();
    expect(hpkeOpen(hpkeKeyPair(suite, pattern(32)), enc, ascii('info'), ascii('aad'), ciphertext)).toBeUndefined();
    for (const at of [0, enc.length - 1]) {
      const changed = enc.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(hpkeOpen(keyPair, changed, ascii('info'), ascii('aad'), ciphertext)).toBeUndefined();
    }
  });

  it('refuses invalid public keys', () => {
    const zero = new Uint8Array(keyPair.publicKey.length);
    expect(hpkeSeal(suite, zero, ascii(''), ascii(''), ascii(''), randomness)).toBeUndefined();
    expect(hpkeSeal(suite, zero.subarray(1), ascii(''), ascii(''), ascii(''), randomness)).toBeUndefined();
  });
});
