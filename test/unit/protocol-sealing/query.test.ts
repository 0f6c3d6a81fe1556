/** Queries and answers: an answer opens for the maker of exactly that query and for nobody else. */
import { describe, expect, it } from 'vitest';
import { height, type SealedBytes, type StateRoot } from '../../../protocol/brand.ts';
import { encode } from '../../../protocol/codec.ts';
import { sealSessionOpen } from '../../../protocol/envelope-seal.ts';
import { domainHash } from '../../../protocol/hash.ts';
import {
  type Answer,
  answerFits,
  openAnswer,
  parseQuery,
  queryCodec,
  sealAnswer,
  sealQuery,
  sealSessionQuery,
} from '../../../protocol/query.ts';
import { openQuery } from '../../../protocol/query-open.ts';
import {
  alice,
  callOf,
  chainId,
  enclaveKeys,
  expiryHeight,
  opened,
  otherChainId,
  pattern,
  randomness,
  replyKeyPair,
  target,
} from './fixtures.ts';

const answer = (result = '"7"'): Answer => ({
  height: height(12),
  stateRoot: domainHash('test/root') as StateRoot,
  timeMs: 1_790_000_000_000,
  outcome: { kind: 'ok', result },
});

const made = sealSessionOpen(
  target,
  alice,
  { replyKey: replyKeyPair.publicKey, expiryHeight, sessionExpiryHeight: height(99) },
  randomness(),
);
const seen = opened(made.bytes);
if (seen.verdict !== 'session-opening') throw new Error('the fixture opens');
const { session } = seen;
const keys = enclaveKeys([session]);

const variants = {
  signed: (start: number) => sealQuery(target, alice, callOf('"who"'), randomness(start)),
  session: (start: number) => sealSessionQuery(target, made.session.keys, callOf('"who"'), pattern(16, start)),
};

describe.each(['signed', 'session'] as const)('%s queries', (kind) => {
  it('reach the enclave with their caller and come back with an answer', () => {
    const query = variants[kind](1);
    const asked = openQuery(query.bytes, keys);
    if (asked.verdict !== 'query') throw new Error(asked.code);
    expect(asked.caller).toBe(alice.publicKey);
    expect(asked.call).toEqual(callOf('"who"'));
    expect(asked.session).toEqual(kind === 'session' ? session : undefined);
    const sealed = sealAnswer(answer(), asked.binding);
    expect(openAnswer(sealed, query.binding)).toEqual({ verdict: 'opened', answer: answer() });
  });

  it('do not take the answer to another query, or a changed one', () => {
    const query = variants[kind](1);
    const asked = openQuery(query.bytes, keys);
    if (asked.verdict !== 'query') throw new Error(asked.code);
    const sealed = sealAnswer(answer(), asked.binding);
    const refused = { verdict: 'rejected', code: 'ANSWER_NOT_TO_THIS_QUERY' };
    expect(openAnswer(sealed, variants[kind](2).binding)).toEqual(refused);
    const changed = sealed.slice();
    changed[100] = (changed[100] ?? 0) ^ 1;
    expect(openAnswer(changed, query.binding)).toEqual(refused);
    expect(openAnswer(sealed.subarray(1), query.binding)).toEqual({ verdict: 'rejected', code: 'ANSWER_MALFORMED' });
    expect(openAnswer(new Uint8Array(2 ** 21), query.binding).verdict).toBe('rejected');
  });

  it('refuse every change and never throw', () => {
    const { bytes } = variants[kind](1);
    expect(openQuery(bytes, { ...keys, chainId: otherChainId })).toEqual({
      verdict: 'rejected',
      code: 'QUERY_OTHER_CHAIN',
    });
    for (let at = 0; at < bytes.length; at += 11) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 2;
      expect(openQuery(changed, keys).verdict).toBe('rejected');
      expect(openQuery(bytes.subarray(0, at), keys).verdict).toBe('rejected');
    }
    expect(parseQuery(new Uint8Array(70_000), chainId)).toEqual({ verdict: 'rejected', code: 'QUERY_TOO_LARGE' });
  });
});

describe('queries', () => {
  it('of a session that the enclave does not know are refused', () => {
    expect(openQuery(variants.session(1).bytes, enclaveKeys())).toEqual({
      verdict: 'rejected',
      code: 'SESSION_UNKNOWN',
    });
  });

  it('have answers of bucket sizes and a bound', () => {
    const { binding } = variants.session(1);
    expect(sealAnswer(answer('"1"'), binding).length).toBe(sealAnswer(answer('"123456"'), binding).length);
    expect(sealAnswer(answer('1'), binding)).toEqual(sealAnswer(answer('1'), binding));
    expect(answerFits(answer(JSON.stringify('z'.repeat(1_048_000))))).toBe(true);
    expect(answerFits(answer(JSON.stringify('z'.repeat(1_048_570))))).toBe(false);
  });

  it('have sizes of their buckets only', () => {
    const verdict = parseQuery(variants.session(1).bytes, chainId);
    if (verdict.verdict !== 'accepted') throw new Error(verdict.code);
    const ciphertext = verdict.query.ciphertext.subarray(1) as SealedBytes;
    expect(() => encode(queryCodec, { ...verdict.query, ciphertext })).toThrow();
  });
});
