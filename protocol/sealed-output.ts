/**
 * Sealed outputs: what a call led to, sealed to its caller, and messages that contracts seal to named parties.
 *
 * Every replica must produce the same bytes, so nothing here is random: HPKE's randomness is derived from a secret of
 * the epoch, the output's place, its recipient and its content, so equal randomness implies equal everything. Results
 * of session calls are sealed under the session's result key (synthetic-seal.ts) at a fraction of the cost.
 */
import { sha256 } from '#primitives';
import type { Brand, ChainId, Hash, PlainBytes, SealedBytes, TransactionId } from './brand.ts';
import { type Outcome, outcomeCodec } from './call.ts';
import { branded, byteString, encode, type Infer, refined, struct, union } from './codec.ts';
import { hkdfExpand } from './crypto/hkdf.ts';
import { sealedFormCodec } from './envelope.ts';
import { isCloisterError } from './errors.ts';
import { decodeOrUndefined } from './foreign.ts';
import { concatBytes, domainHash, fromHex, u64Bytes, utf8 } from './hash.ts';
import { HPKE_SUITES, type HpkeKeyPair, hpkeOpen, hpkeSeal } from './hpke.ts';
import { MAX_OUTPUT_BYTES } from './limits.ts';
import { OUTPUT_BUCKETS, pad, paddedCapacity, unpad } from './padding.ts';
import { type Session, type SessionId, type SessionKeys, sessionIdCodec } from './session.ts';
import { SYNTHETIC_OVERHEAD_BYTES, syntheticOpen, syntheticSeal } from './synthetic-seal.ts';

const TAG_BYTES = 16;
const largestBucket = OUTPUT_BUCKETS.at(-1) ?? 0;

const bucketed = (overhead: number) =>
  branded<SealedBytes>(
    refined(byteString(largestBucket + overhead), (value) => OUTPUT_BUCKETS.includes(value.length - overhead)),
  );

/** Ciphertext of an output bucket with a synthetic nonce. */
export const syntheticOutputCodec = bucketed(SYNTHETIC_OVERHEAD_BYTES);

/** A sealed output. */
export const sealedOutputCodec = union({
  hpke: [1, struct({ form: sealedFormCodec, ciphertext: bucketed(TAG_BYTES) })],
  session: [2, struct({ sessionId: sessionIdCodec, ciphertext: syntheticOutputCodec })],
});

/** A sealed output. */
export type SealedOutput = Infer<typeof sealedOutputCodec>;

/** Place of an output: no output can be shown as another one. Index 0 is the caller's own. */
export interface OutputPlace {
  readonly chainId: ChainId;
  readonly transactionId: TransactionId;
  readonly index: number;
}

/** 32 bytes derived from the epoch secret for sealing outputs; never leaves the enclave. */
export type OutputSealingSecret = Brand<Uint8Array, 'OutputSealingSecret'>;

const PLACE_TAG = utf8('cloister/1/output/');
const RANDOMNESS_TAG = utf8('cloister/1/output-randomness/');

const placeBytes = (place: OutputPlace): Uint8Array =>
  concatBytes(PLACE_TAG, fromHex(place.chainId), fromHex(place.transactionId), u64Bytes(place.index));

const paddedOutcome = (outcome: Outcome): PlainBytes => pad(encode(outcomeCodec, outcome), OUTPUT_BUCKETS);

/** Bytes of an outcome's encoding beside its text, at most. */
const OUTCOME_OVERHEAD_BYTES = 16;
const WIDEST_CHARACTER = 3;

/** Whether an outcome fits into the largest bucket; if not, the call must fail rather than its result be lost. */
export const outcomeFits = (outcome: Outcome): boolean => {
  if (outcome.kind === 'ok' && outcome.result.isWellFormed()) {
    const widest = OUTCOME_OVERHEAD_BYTES + WIDEST_CHARACTER * outcome.result.length;
    if (widest <= paddedCapacity(OUTPUT_BUCKETS)) return true;
  }
  try {
    return encode(outcomeCodec, outcome).length <= paddedCapacity(OUTPUT_BUCKETS);
  } catch (error) {
    if (isCloisterError(error)) return false;
    throw error;
  }
};

/**
 * Seals an outcome to a recipient's X-Wing reply key; undefined when that key is invalid (keys are checked when they
 * are registered: `isValidXWingPublicKey`). The caller has checked `outcomeFits`.
 */
export const sealOutput = (
  outcome: Outcome,
  replyKey: Uint8Array,
  place: OutputPlace,
  secret: OutputSealingSecret,
): SealedBytes | undefined => {
  const content = paddedOutcome(outcome);
  const context = placeBytes(place);
  const suite = HPKE_SUITES['x-wing'];
  const seed = [RANDOMNESS_TAG, context, sha256(replyKey), sha256(content)];
  const randomness = hkdfExpand(secret, suite.randomnessBytes, ...seed);
  const sealed = hpkeSeal('x-wing', replyKey, context, new Uint8Array(0), content, randomness);
  if (sealed === undefined) return undefined;
  const form = { suite: suite.kemId, enc: sealed.enc };
  return encode(sealedOutputCodec, { kind: 'hpke', form, ciphertext: sealed.ciphertext as SealedBytes }) as SealedBytes;
};

/** Seals the outcome of a session's call to its caller. The caller has checked `outcomeFits`. */
export const sealSessionOutput = (
  outcome: Outcome,
  session: Pick<Session, 'id' | 'resultKey'>,
  place: OutputPlace,
): SealedBytes => {
  const ciphertext = syntheticSeal(session.resultKey, placeBytes(place), paddedOutcome(outcome));
  return encode(sealedOutputCodec, { kind: 'session', sessionId: session.id, ciphertext }) as SealedBytes;
};

/** Commitment to a sealed output, as it stands in the public receipt. */
export const outputCommitment = (sealed: SealedBytes): Hash => domainHash('cloister/output', sealed);

/** Keys with which a wallet opens what was sealed to it. */
export interface OutputKeys {
  /** Key pair of the wallet's reply key. */
  readonly replyKeyPair: HpkeKeyPair;
  session(id: SessionId): Pick<SessionKeys, 'resultKey'> | undefined;
}

/** Why an output could not be opened. */
export type OutputFault = 'OUTPUT_MALFORMED' | 'OUTPUT_NOT_OURS' | 'OUTPUT_CONTENT_MALFORMED';

/** Outcome of opening an output. */
export type OutputVerdict =
  | { readonly verdict: 'opened'; readonly outcome: Outcome }
  | { readonly verdict: 'rejected'; readonly code: OutputFault };

const rejected = (code: OutputFault): OutputVerdict => ({ verdict: 'rejected', code });

const decrypt = (output: SealedOutput, keys: OutputKeys, context: Uint8Array): Uint8Array | undefined => {
  if (output.kind === 'session') {
    const session = keys.session(output.sessionId);
    return session && syntheticOpen(session.resultKey, context, output.ciphertext);
  }
  if (output.form.suite !== HPKE_SUITES[keys.replyKeyPair.suite].kemId) return undefined;
  return hpkeOpen(keys.replyKeyPair, output.form.enc, context, new Uint8Array(0), output.ciphertext);
};

/** Opens a sealed output that stands at a given place. */
export const openOutput = (sealed: Uint8Array, keys: OutputKeys, place: OutputPlace): OutputVerdict => {
  if (sealed.length > MAX_OUTPUT_BYTES) return rejected('OUTPUT_MALFORMED');
  const output = decodeOrUndefined(sealedOutputCodec, sealed);
  if (output === undefined) return rejected('OUTPUT_MALFORMED');
  const padded = decrypt(output, keys, placeBytes(place));
  if (padded === undefined) return rejected('OUTPUT_NOT_OURS');
  const content = unpad(padded, OUTPUT_BUCKETS);
  const outcome = content && decodeOrUndefined(outcomeCodec, content);
  return outcome === undefined ? rejected('OUTPUT_CONTENT_MALFORMED') : { verdict: 'opened', outcome };
};
