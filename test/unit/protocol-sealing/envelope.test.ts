/** Envelopes: what goes in comes out for the enclave alone, and nothing can be moved, changed or reused. */
import { aeadSeal, randomBytes } from '#primitives';
import { describe, expect, it } from 'vitest';
import { epoch, height, type SealedBytes } from '../../../protocol/brand.ts';
import { callCodec, oneShotCallCodec, signBody } from '../../../protocol/call.ts';
import { encode } from '../../../protocol/codec.ts';
import {
  type Envelope,
  type EnvelopeFields,
  envelopeCodec,
  finishEnvelope,
  parseEnvelope,
  publicFieldBytes,
} from '../../../protocol/envelope.ts';
import {
  sealCall,
  sealedContentCodec,
  sealSessionCall,
  sealSessionOpen,
  startSealing,
} from '../../../protocol/envelope-seal.ts';
import { HPKE_SUITES, hpkeKeyPair } from '../../../protocol/hpke.ts';
import { ENVELOPE_BUCKETS, pad } from '../../../protocol/padding.ts';
import { type Session, sessionNonce, sessionOpeningCodec } from '../../../protocol/session.ts';
import {
  alice,
  callOf,
  chainId,
  enclaveKeys,
  epochKey,
  expiryHeight,
  keyEpoch,
  mallory,
  opened,
  otherChainId,
  parsed,
  pattern,
  randomness,
  replyKeyPair,
  target,
} from './fixtures.ts';

const replyKey = replyKeyPair.publicKey;
const oneShot = (args?: string, start?: number) =>
  sealCall(target, alice, { call: callOf(args), replyKey, expiryHeight }, randomness(start));
const opening = (start?: number) =>
  sealSessionOpen(
    target,
    alice,
    { replyKey, expiryHeight, sessionExpiryHeight: height(5000), firstCall: callOf('{"n":0}') },
    randomness(start),
  );
const codeOf = (verdict: { readonly verdict: string; readonly code?: string }): string =>
  verdict.code ?? verdict.verdict;
const changedEnvelope = (bytes: Uint8Array, change: Partial<Envelope>): Uint8Array =>
  encode(envelopeCodec, { ...parsed(bytes).envelope, ...change });

const openSession = (start?: number) => {
  const made = opening(start);
  const seen = opened(made.bytes);
  if (seen.verdict !== 'session-opening') throw new Error(codeOf(seen));
  return { wallet: made.session, enclave: seen.session, seen };
};

describe('one-shot calls', () => {
  it('opens what the caller signed', () => {
    const { bytes, transactionId } = oneShot('{"amount":"5"}');
    expect(opened(bytes)).toEqual({
      verdict: 'call',
      transactionId,
      caller: alice.publicKey,
      call: callOf('{"amount":"5"}'),
      nonce: pattern(16, 64),
      replyKey,
    });
  });

  it('works with the X25519 suite', () => {
    const keyPair = hpkeKeyPair('x25519', pattern(32, 9));
    const classic = { ...target, suite: 'x25519' as const, epochPublicKey: keyPair.publicKey };
    const { bytes } = sealCall(classic, alice, { call: callOf(), replyKey, expiryHeight }, randomness());
    expect(opened(bytes, enclaveKeys([], keyPair)).verdict).toBe('call');
    expect(codeOf(opened(bytes))).toBe('SUITE_NOT_SUPPORTED');
  });

  it('hides length inside a bucket and shows nothing of the content', () => {
    const short = oneShot('"a"');
    const long = oneShot(JSON.stringify('x'.repeat(400)), 3);
    expect(short.bytes.length).toBe(long.bytes.length);
    expect(Buffer.from(short.bytes).includes('token')).toBe(false);
    expect(Buffer.from(short.bytes).includes(Buffer.from(alice.publicKey, 'hex'))).toBe(false);
    expect(oneShot('"a"', 1).transactionId).not.toBe(short.transactionId);
  });

  it('takes arguments up to the documented bound', () => {
    const largest = JSON.stringify('y'.repeat(60 * 1024 - 2));
    expect(opened(oneShot(largest).bytes).verdict).toBe('call');
    expect(() => oneShot(`${largest} `)).toThrow();
  });

  it('refuses every change of a public field and of the ciphertext', () => {
    const { bytes } = oneShot();
    const { envelope } = parsed(bytes);
    const flip = (value: Uint8Array, at: number) => {
      const copy = value.slice();
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    expect(codeOf(opened(changedEnvelope(bytes, { expiryHeight: height(901) })))).toBe('NOT_AUTHENTIC');
    expect(codeOf(opened(changedEnvelope(bytes, { keyEpoch: epoch(2) })))).toBe('KEY_EPOCH_UNKNOWN');
    expect(codeOf(opened(changedEnvelope(bytes, { ciphertext: flip(envelope.ciphertext, 100) as SealedBytes })))).toBe(
      'NOT_AUTHENTIC',
    );
    if (envelope.form.kind !== 'sealed') throw new Error('unexpected form');
    for (const at of [0, 1087, 1119]) {
      const form = { ...envelope.form, enc: flip(envelope.form.enc, at) };
      expect(codeOf(opened(changedEnvelope(bytes, { form })))).toBe('NOT_AUTHENTIC');
    }
    const zeroShare = envelope.form.enc.slice();
    zeroShare.fill(0, 1088);
    expect(codeOf(opened(changedEnvelope(bytes, { form: { ...envelope.form, enc: zeroShare } })))).toBe(
      'NOT_AUTHENTIC',
    );
  });

  it('refuses a signature made for another envelope, another purpose or by another key', () => {
    const { enc, context, nonce } = startSealing(target, 'envelope', randomness());
    const fields: EnvelopeFields = {
      chainId,
      keyEpoch,
      expiryHeight,
      form: { kind: 'sealed', suite: HPKE_SUITES['x-wing'].kemId, enc },
    };
    const content = { call: callOf(), caller: alice.publicKey, nonce, replyKey };
    const attempts = [
      signBody(
        oneShotCallCodec,
        content,
        'call',
        chainId,
        publicFieldBytes({ ...fields, expiryHeight: height(1) }),
        alice,
      ),
      signBody(oneShotCallCodec, content, 'query', chainId, publicFieldBytes(fields), alice),
      signBody(oneShotCallCodec, content, 'call', otherChainId, publicFieldBytes(fields), alice),
      signBody(oneShotCallCodec, content, 'call', chainId, publicFieldBytes(fields), mallory),
    ];
    for (const signed of attempts) {
      const { context: again } = startSealing(target, 'envelope', randomness());
      const padded = pad(encode(sealedContentCodec, { kind: 'call', ...signed }), ENVELOPE_BUCKETS);
      const { bytes } = finishEnvelope(fields, again.seal(publicFieldBytes(fields), padded) as SealedBytes);
      expect(codeOf(opened(bytes))).toBe('SIGNATURE_INVALID');
    }
    const padding = new Uint8Array(512).fill(7);
    const { bytes } = finishEnvelope(fields, context.seal(publicFieldBytes(fields), padding) as SealedBytes);
    expect(codeOf(opened(bytes))).toBe('CONTENT_MALFORMED');
  });

  it('refuses a reply key to which nothing can be sealed', () => {
    for (const bad of [new Uint8Array(1216).fill(0xff), new Uint8Array(1216)]) {
      const { bytes } = sealCall(target, alice, { call: callOf(), replyKey: bad, expiryHeight }, randomness());
      expect(codeOf(opened(bytes))).toBe('REPLY_KEY_INVALID');
    }
  });
});

describe('sessions', () => {
  it('derives the same keys on both sides and carries a first call', () => {
    const { wallet, enclave, seen } = openSession();
    expect(enclave).toEqual({ ...wallet.keys, caller: alice.publicKey, expiryHeight: height(5000) });
    expect(seen.firstCall).toEqual(callOf('{"n":0}'));
    expect(new Set([enclave.callKey, enclave.resultKey, enclave.queryKey].map(String)).size).toBe(3);
  });

  it('numbers its calls and opens them without a signature', () => {
    const { wallet, enclave } = openSession();
    for (const n of [0, 1, 2]) {
      const { bytes, transactionId } = sealSessionCall(target, wallet, { call: callOf(`{"n":${n}}`), expiryHeight });
      const expected = {
        verdict: 'session-call',
        transactionId,
        session: enclave,
        counter: n,
        call: callOf(`{"n":${n}}`),
      };
      expect(opened(bytes, enclaveKeys([enclave]))).toEqual(expected);
      expect(codeOf(opened(bytes))).toBe('SESSION_UNKNOWN');
      expect(bytes.length).toBeLessThan(650);
    }
  });

  it('refuses a call moved to another number, expiry, epoch or session', () => {
    const { wallet, enclave } = openSession();
    const other = openSession(7);
    expect(other.enclave.id).not.toBe(enclave.id);
    const { bytes } = sealSessionCall(target, wallet, { call: callOf(), expiryHeight });
    const keys = enclaveKeys([enclave, other.enclave, { ...enclave, id: other.enclave.id }]);
    const moved: readonly Partial<Envelope>[] = [
      { form: { kind: 'session', sessionId: enclave.id, counter: 1 } },
      { form: { kind: 'session', sessionId: other.enclave.id, counter: 0 } },
      { expiryHeight: height(901) },
      { keyEpoch: epoch(2) },
    ];
    for (const change of moved) expect(codeOf(opened(changedEnvelope(bytes, change), keys))).toBe('NOT_AUTHENTIC');
  });

  it('refuses content that is no call, from a holder of the session key', () => {
    const { enclave } = openSession();
    const fields: EnvelopeFields = {
      chainId,
      keyEpoch,
      expiryHeight,
      form: { kind: 'session', sessionId: enclave.id, counter: 9 },
    };
    const seal = (padded: Uint8Array) =>
      finishEnvelope(
        fields,
        aeadSeal(enclave.callKey, sessionNonce(9), publicFieldBytes(fields), padded) as SealedBytes,
      ).bytes;
    expect(codeOf(opened(seal(new Uint8Array(512)), enclaveKeys([enclave])))).toBe('CONTENT_MALFORMED');
    expect(codeOf(opened(seal(pad(pattern(40), ENVELOPE_BUCKETS)), enclaveKeys([enclave])))).toBe('CONTENT_MALFORMED');
    const trailing = new Uint8Array([...encode(callCodec, callOf()), 0]);
    expect(codeOf(opened(seal(pad(trailing, ENVELOPE_BUCKETS)), enclaveKeys([enclave])))).toBe('CONTENT_MALFORMED');
  });

  it('does not let an opened session opening be sealed again by someone else', () => {
    const original = parsed(opening().bytes).envelope;
    const body = {
      caller: alice.publicKey,
      nonce: pattern(16, 64),
      expiryHeight: height(5000),
      replyKey,
      firstCall: undefined,
    };
    const signed = signBody(sessionOpeningCodec, body, 'sessionOpening', chainId, publicFieldBytes(original), alice);
    const seal = (start: number): Uint8Array => {
      const { enc, context } = startSealing(target, 'envelope', randomness(start));
      const fields: EnvelopeFields = { chainId, keyEpoch, expiryHeight, form: { kind: 'sealed', suite: 0x647a, enc } };
      const padded = pad(encode(sealedContentCodec, { kind: 'opening', ...signed }), ENVELOPE_BUCKETS);
      return finishEnvelope(fields, context.seal(publicFieldBytes(fields), padded) as SealedBytes).bytes;
    };
    expect(opened(seal(0)).verdict).toBe('session-opening');
    expect(codeOf(opened(seal(100)))).toBe('SIGNATURE_INVALID');
  });

  it('makes nonces of counters beyond 32 bits', () => {
    expect(sessionNonce(0x1_0000_0002)).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2));
  });
});

describe('foreign bytes', () => {
  const session: Session = openSession().enclave;

  it('names what is wrong without opening anything', () => {
    const { bytes } = oneShot();
    expect(codeOf(parseEnvelope(bytes, otherChainId))).toBe('ENVELOPE_OTHER_CHAIN');
    expect(codeOf(parseEnvelope(new Uint8Array(67 * 1024), chainId))).toBe('ENVELOPE_TOO_LARGE');
    expect(codeOf(parseEnvelope(new TextEncoder().encode('{"contract":"token"}'), chainId))).toBe('ENVELOPE_MALFORMED');
    expect(codeOf(parseEnvelope(new Uint8Array([...bytes, 0]), chainId))).toBe('ENVELOPE_MALFORMED');
    expect(codeOf(parseEnvelope(bytes.subarray(1), chainId))).toBe('ENVELOPE_MALFORMED');
    const { envelope } = parsed(bytes);
    expect(() => changedEnvelope(bytes, { ciphertext: envelope.ciphertext.subarray(1) as SealedBytes })).toThrow();
    expect(() => changedEnvelope(bytes, { version: 2 })).toThrow();
    expect(() => changedEnvelope(bytes, { form: { kind: 'sealed', suite: 0x0010, enc: pattern(32) } })).toThrow();
  });

  it('never throws: truncated, bit-flipped and random bytes', () => {
    const samples = [oneShot().bytes, opening().bytes];
    for (const sample of samples) {
      for (let i = 0; i < 150; i += 1) {
        const changed = sample.slice();
        const at = (i * 7919) % (i % 3 === 0 ? 64 : changed.length);
        changed[at] = (changed[at] ?? 0) ^ (1 << (i % 8));
        const verdict = parseEnvelope(changed, chainId);
        if (verdict.verdict === 'accepted') expect(opened(changed, enclaveKeys([session])).verdict).toBe('rejected');
        expect(parseEnvelope(sample.subarray(0, at), chainId).verdict).toBe('rejected');
        expect(parseEnvelope(randomBytes(i), chainId).verdict).toBe('rejected');
      }
    }
  });

  it('refuses randomness of the wrong length and an invalid epoch key at the caller', () => {
    const bad = { ...target, epochPublicKey: new Uint8Array(1216).fill(0xff) };
    expect(() => sealCall(bad, alice, { call: callOf(), replyKey, expiryHeight }, randomness())).toThrow(RangeError);
    expect(() => sealCall(target, alice, { call: callOf(), replyKey, expiryHeight }, pattern(79))).toThrow(RangeError);
    expect(epochKey.suite).toBe('x-wing');
  });
});
