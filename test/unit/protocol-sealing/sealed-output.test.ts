/** Sealed outputs: every replica makes the same bytes, only the recipient opens them, and only in their place. */
import { describe, expect, it } from 'vitest';
import { height } from '../../../protocol/brand.ts';
import type { Outcome } from '../../../protocol/call.ts';
import { sealSessionOpen } from '../../../protocol/envelope-seal.ts';
import { hpkeKeyPair } from '../../../protocol/hpke.ts';
import { MAX_OUTPUT_BYTES } from '../../../protocol/limits.ts';
import {
  openOutput,
  outcomeFits,
  outputCommitment,
  type OutputKeys,
  type OutputPlace,
  type OutputSealingSecret,
  sealOutput,
  sealSessionOutput,
} from '../../../protocol/sealed-output.ts';
import {
  alice,
  chainId,
  expiryHeight,
  opened,
  otherChainId,
  pattern,
  randomness,
  replyKeyPair,
  someTransaction,
  target,
} from './fixtures.ts';

const secret = pattern(32, 3) as OutputSealingSecret;
const place: OutputPlace = { chainId, transactionId: someTransaction, index: 0 };
const ok = (result: string): Outcome => ({ kind: 'ok', result });
const made = sealSessionOpen(
  target,
  alice,
  { replyKey: replyKeyPair.publicKey, expiryHeight, sessionExpiryHeight: height(99) },
  randomness(),
);
const seen = opened(made.bytes);
if (seen.verdict !== 'session-opening') throw new Error('the fixture opens');
const { session } = seen;
const keys: OutputKeys = {
  replyKeyPair,
  session: (id) => (id === made.session.keys.id ? made.session.keys : undefined),
};

const sealers = {
  'reply key': (outcome: Outcome, at: OutputPlace) => {
    const sealed = sealOutput(outcome, replyKeyPair.publicKey, at, secret);
    if (sealed === undefined) throw new Error('the key is valid');
    return sealed;
  },
  session: (outcome: Outcome, at: OutputPlace) => sealSessionOutput(outcome, session, at),
};

describe.each(['reply key', 'session'] as const)('outputs to a %s', (kind) => {
  const seal = sealers[kind];

  it('are deterministic and open for their recipient', () => {
    const outcomes: readonly Outcome[] = [
      ok('{"balance":"5"}'),
      { kind: 'refused', reason: 'forbidden', detail: '{"need":"bank"}' },
      { kind: 'refused', reason: 'forbidden', detail: undefined },
      { kind: 'failed', code: 'OUT_OF_GAS' },
      { kind: 'message', contract: 'aml', json: '[1]' },
    ];
    for (const outcome of outcomes) {
      const sealed = seal(outcome, place);
      expect(seal(outcome, place)).toEqual(sealed);
      expect(openOutput(sealed, keys, place)).toEqual({ verdict: 'opened', outcome });
      expect(sealed.length).toBe(seal(ok('1'), place).length);
    }
  });

  it('share no keystream between contents, places or recipients', () => {
    const first = seal(ok('"a"'), place);
    expect(seal(ok('"b"'), place).subarray(-272, -16)).not.toEqual(first.subarray(-272, -16));
    const distinct = new Set(
      [first, seal(ok('"b"'), place), seal(ok('"a"'), { ...place, index: 1 })].map((s) => outputCommitment(s)),
    );
    expect(distinct.size).toBe(3);
  });

  it('open nowhere else', () => {
    const sealed = seal(ok('1'), place);
    const refused = { verdict: 'rejected', code: 'OUTPUT_NOT_OURS' };
    expect(openOutput(sealed, keys, { ...place, index: 1 })).toEqual(refused);
    expect(openOutput(sealed, keys, { ...place, chainId: otherChainId })).toEqual(refused);
    const strangers: OutputKeys = { replyKeyPair: hpkeKeyPair('x-wing', pattern(32, 77)), session: () => undefined };
    expect(openOutput(sealed, strangers, place)).toEqual(refused);
    for (let at = 0; at < sealed.length; at += 13) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(openOutput(changed, keys, place).verdict).toBe('rejected');
      expect(openOutput(sealed.subarray(0, at), keys, place).verdict).toBe('rejected');
    }
  });

  it('hold the largest outcome within the protocol bound', () => {
    const largest = ok(JSON.stringify('x'.repeat(1_048_500)));
    expect(outcomeFits(largest)).toBe(true);
    const sealed = seal(largest, place);
    expect(sealed.length).toBeLessThanOrEqual(MAX_OUTPUT_BYTES);
    expect(openOutput(sealed, keys, place).verdict).toBe('opened');
    expect(outcomeFits(ok('x'.repeat(1_048_573)))).toBe(false);
    expect(outcomeFits(ok('\ud800'))).toBe(false);
  });
});

it('says so when a reply key is invalid', () => {
  expect(sealOutput(ok('1'), new Uint8Array(1216), place, secret)).toBeUndefined();
  expect(openOutput(new Uint8Array(MAX_OUTPUT_BYTES + 1), keys, place)).toEqual({
    verdict: 'rejected',
    code: 'OUTPUT_MALFORMED',
  });
});
