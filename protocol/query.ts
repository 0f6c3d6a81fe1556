/**
 * Queries and their answers: sealed reads, made by wallets. The enclave's side is query-open.ts.
 *
 * A query is authenticated by its caller's signature (sealed form) or by a session's query key. Its answer is sealed
 * under a key that only this query's maker and the enclave know and is bound to the hash of the query's bytes, nonce
 * included, so an older or another answer does not open. Answers name height, state root and time: the wallet judges
 * freshness.
 */
import { hmacSha256 } from '#primitives';
import type { ChainId, Epoch, SealedBytes } from './brand.ts';
import { type Call, callCodec, NONCE_BYTES, outcomeCodec, signBody, signedCodec, type Signer } from './call.ts';
import { branded, bytes, byteString, decode, encode, type Infer, refined, struct, u8, u64, union } from './codec.ts';
import { isCloisterError } from './errors.ts';
import { ENVELOPE_VERSION, sealedFormCodec } from './envelope.ts';
import { type SealingTarget, startSealing } from './envelope-seal.ts';
import { decodeOrUndefined } from './foreign.ts';
import { concatBytes, domainHashBytes, fromHex, u64Bytes, utf8 } from './hash.ts';
import { HPKE_SUITES, type HpkeContext } from './hpke.ts';
import { MAX_ENVELOPE_BYTES, MAX_OUTPUT_BYTES } from './limits.ts';
import { ENVELOPE_BUCKETS, OUTPUT_BUCKETS, pad, paddedCapacity, unpad } from './padding.ts';
import { chainIdCodec, epochCodec, heightCodec, publicKeyCodec, stateRootCodec } from './scalars.ts';
import { syntheticOutputCodec } from './sealed-output.ts';
import { sessionIdCodec, type SessionKeys } from './session.ts';
import { SYNTHETIC_OVERHEAD_BYTES, syntheticOpen, syntheticSeal } from './synthetic-seal.ts';

/** The signed part of a query outside a session. */
export const signedQueryCodec = struct({ call: callCodec, caller: publicKeyCodec, nonce: bytes(NONCE_BYTES) });

/** How a query is opened. */
export const queryFormCodec = union({
  sealed: [1, sealedFormCodec],
  session: [2, struct({ sessionId: sessionIdCodec, nonce: bytes(NONCE_BYTES) })],
});

/** How a query is opened. */
export type QueryForm = Infer<typeof queryFormCodec>;

const largestBucket = ENVELOPE_BUCKETS.at(-1) ?? 0;
const overheadOf = (form: QueryForm): number => (form.kind === 'sealed' ? 16 : SYNTHETIC_OVERHEAD_BYTES);

/** A query. */
export const queryCodec = refined(
  struct({
    version: refined(u8, (value) => value === ENVELOPE_VERSION),
    chainId: chainIdCodec,
    keyEpoch: epochCodec,
    form: queryFormCodec,
    ciphertext: branded<SealedBytes>(byteString(largestBucket + SYNTHETIC_OVERHEAD_BYTES)),
  }),
  ({ form, ciphertext }) => ENVELOPE_BUCKETS.includes(ciphertext.length - overheadOf(form)),
);

/** A query. */
export type Query = Infer<typeof queryCodec>;

/** What a query answers: the outcome at one final height. */
export const answerCodec = struct({
  height: heightCodec,
  stateRoot: stateRootCodec,
  /** Consensus time of that height, ms since the Unix epoch. */
  timeMs: u64,
  outcome: outcomeCodec,
});

/** What a query answers. */
export type Answer = Infer<typeof answerCodec>;

/** What a query says outside, apart from its ciphertext. */
export interface QueryFields {
  readonly chainId: ChainId;
  readonly keyEpoch: Epoch;
  readonly form: QueryForm;
}

const QUERY_TAG = utf8('cloister/1/query/');

/** The public fields of a query as bytes. */
export const queryFieldBytes = ({ chainId, keyEpoch, form }: QueryFields): Uint8Array => {
  const how =
    form.kind === 'sealed'
      ? concatBytes(Uint8Array.of(1, form.suite >> 8, form.suite & 0xff), form.enc)
      : concatBytes(Uint8Array.of(2), fromHex(form.sessionId), form.nonce);
  return concatBytes(QUERY_TAG, Uint8Array.of(ENVELOPE_VERSION), fromHex(chainId), u64Bytes(keyEpoch), how);
};

/** What binds an answer to its query: a secret of both sides and the hash of the query's bytes. */
export interface AnswerBinding {
  readonly key: Uint8Array;
  readonly context: Uint8Array;
}

/** Binding of a query sealed by HPKE. */
export const sealedAnswerBinding = (hpke: HpkeContext, queryBytes: Uint8Array): AnswerBinding => ({
  key: hpke.export(utf8('cloister/1/query/answer'), 32),
  context: domainHashBytes('cloister/query', queryBytes),
});

/** Binding of a query in a session. */
export const sessionAnswerBinding = (
  session: Pick<SessionKeys, 'queryKey'>,
  queryBytes: Uint8Array,
): AnswerBinding => ({
  key: hmacSha256(session.queryKey, utf8('cloister/1/query/answer')),
  context: domainHashBytes('cloister/query', queryBytes),
});

/** Query bytes to send, and what opens the answer. */
export interface SealedQuery {
  readonly bytes: Uint8Array;
  readonly binding: AnswerBinding;
}

const finishQuery = (fields: QueryFields, ciphertext: Uint8Array): Uint8Array =>
  encode(queryCodec, { version: ENVELOPE_VERSION, ...fields, ciphertext: ciphertext as SealedBytes });

/** Seals and signs a query; takes SEAL_RANDOMNESS_BYTES of randomness. */
export const sealQuery = (target: SealingTarget, signer: Signer, call: Call, randomness: Uint8Array): SealedQuery => {
  const { chainId, keyEpoch } = target;
  const { enc, context, nonce } = startSealing(target, 'query', randomness);
  const fields: QueryFields = {
    chainId,
    keyEpoch,
    form: { kind: 'sealed', suite: HPKE_SUITES[target.suite].kemId, enc },
  };
  const publicFields = queryFieldBytes(fields);
  const content = { call, caller: signer.publicKey, nonce };
  const signed = signBody(signedQueryCodec, content, 'query', chainId, publicFields, signer);
  const query = finishQuery(fields, context.seal(publicFields, pad(encode(signedCodec, signed), ENVELOPE_BUCKETS)));
  return { bytes: query, binding: sealedAnswerBinding(context, query) };
};

/** Seals a query in a session with a fresh 16-byte nonce. */
export const sealSessionQuery = (
  target: Pick<SealingTarget, 'chainId' | 'keyEpoch'>,
  session: Pick<SessionKeys, 'id' | 'queryKey'>,
  call: Call,
  nonce: Uint8Array,
): SealedQuery => {
  const { chainId, keyEpoch } = target;
  const fields: QueryFields = { chainId, keyEpoch, form: { kind: 'session', sessionId: session.id, nonce } };
  const content = pad(encode(callCodec, call), ENVELOPE_BUCKETS);
  const query = finishQuery(fields, syntheticSeal(session.queryKey, queryFieldBytes(fields), content));
  return { bytes: query, binding: sessionAnswerBinding(session, query) };
};

/** Outcome of reading foreign bytes as a query, opening nothing. */
export type QueryVerdict =
  | { readonly verdict: 'accepted'; readonly query: Query; readonly bytes: Uint8Array }
  | { readonly verdict: 'rejected'; readonly code: 'QUERY_MALFORMED' | 'QUERY_TOO_LARGE' | 'QUERY_OTHER_CHAIN' };

/** Reads foreign bytes as a query of a chain, opening nothing. */
export const parseQuery = (foreign: Uint8Array, chainId: ChainId): QueryVerdict => {
  let query: Query;
  try {
    query = decode(queryCodec, foreign, MAX_ENVELOPE_BYTES);
  } catch (error) {
    if (!isCloisterError(error)) throw error;
    return { verdict: 'rejected', code: error.code === 'MESSAGE_TOO_LARGE' ? 'QUERY_TOO_LARGE' : 'QUERY_MALFORMED' };
  }
  if (query.chainId !== chainId) return { verdict: 'rejected', code: 'QUERY_OTHER_CHAIN' };
  return { verdict: 'accepted', query, bytes: foreign };
};

/** Outcome of opening an answer. */
export type AnswerVerdict =
  | { readonly verdict: 'opened'; readonly answer: Answer }
  | { readonly verdict: 'rejected'; readonly code: 'ANSWER_MALFORMED' | 'ANSWER_NOT_TO_THIS_QUERY' };

/** Opens the answer to a query. */
export const openAnswer = (sealed: Uint8Array, binding: AnswerBinding): AnswerVerdict => {
  if (sealed.length > MAX_OUTPUT_BYTES) return { verdict: 'rejected', code: 'ANSWER_MALFORMED' };
  const ciphertext = decodeOrUndefined(syntheticOutputCodec, sealed);
  if (ciphertext === undefined) return { verdict: 'rejected', code: 'ANSWER_MALFORMED' };
  const padded = syntheticOpen(binding.key, binding.context, ciphertext);
  if (padded === undefined) return { verdict: 'rejected', code: 'ANSWER_NOT_TO_THIS_QUERY' };
  const content = unpad(padded, OUTPUT_BUCKETS);
  const answer = content && decodeOrUndefined(answerCodec, content);
  return answer === undefined ? { verdict: 'rejected', code: 'ANSWER_MALFORMED' } : { verdict: 'opened', answer };
};

/** Whether an answer fits into the largest bucket. */
export const answerFits = (answer: Answer): boolean => {
  try {
    return encode(answerCodec, answer).length <= paddedCapacity(OUTPUT_BUCKETS);
  } catch (error) {
    if (isCloisterError(error)) return false;
    throw error;
  }
};

/** Seals an answer to the query of a binding. The caller has checked `answerFits`. */
export const sealAnswer = (answer: Answer, binding: AnswerBinding): SealedBytes => {
  const content = pad(encode(answerCodec, answer), OUTPUT_BUCKETS);
  return encode(syntheticOutputCodec, syntheticSeal(binding.key, binding.context, content)) as SealedBytes;
};
