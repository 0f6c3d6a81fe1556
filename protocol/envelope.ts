/**
 * Envelopes: the public form of a transaction. Sender, contract and method are inside the ciphertext; outside stand
 * only format version, chain, key epoch, expiry and how to open it.
 *
 * This module is what nodes use and has no code that opens anything: wallets seal in envelope-seal.ts, enclaves open
 * in envelope-open.ts. Foreign bytes give a verdict.
 */
import type { ChainId, Epoch, Height, SealedBytes, TransactionId } from './brand.ts';
import { branded, byteString, decode, encode, type Infer, refined, struct, u8, u16, u64, union } from './codec.ts';
import { isCloisterError } from './errors.ts';
import { concatBytes, fromHex, u64Bytes, utf8 } from './hash.ts';
import { HPKE_SUITES, hpkeSuiteOf } from './hpke.ts';
import { MAX_ENVELOPE_BYTES } from './limits.ts';
import { ENVELOPE_BUCKETS } from './padding.ts';
import { chainIdCodec, epochCodec, heightCodec } from './scalars.ts';
import { sessionIdCodec } from './session.ts';
import { transactionId } from './transaction-id.ts';

/** Format version of envelopes and queries. */
export const ENVELOPE_VERSION = 1;
const TAG_BYTES = 16;
const largestBucket = ENVELOPE_BUCKETS.at(-1) ?? 0;

/** Ciphertext of a bucket: padded content and tag. */
export const ciphertextCodec = branded<SealedBytes>(
  refined(byteString(largestBucket + TAG_BYTES), (value) => ENVELOPE_BUCKETS.includes(value.length - TAG_BYTES)),
);

/** HPKE output: KEM suite and encapsulated key of the size that the suite prescribes. */
export const sealedFormCodec = refined(
  struct({ suite: u16, enc: byteString(HPKE_SUITES['x-wing'].encBytes) }),
  ({ suite, enc }) => {
    const known = hpkeSuiteOf(suite);
    return known !== undefined && HPKE_SUITES[known].encBytes === enc.length;
  },
);

/** How an envelope is opened: by the epoch's key, or by a session's call key. */
export const envelopeFormCodec = union({
  sealed: [1, sealedFormCodec],
  session: [2, struct({ sessionId: sessionIdCodec, counter: u64 })],
});

/** How an envelope is opened. */
export type EnvelopeForm = Infer<typeof envelopeFormCodec>;

/** An envelope. */
export const envelopeCodec = struct({
  version: refined(u8, (value) => value === ENVELOPE_VERSION),
  chainId: chainIdCodec,
  keyEpoch: epochCodec,
  /** Last height at which the transaction may be executed. */
  expiryHeight: heightCodec,
  form: envelopeFormCodec,
  ciphertext: ciphertextCodec,
});

/** An envelope. */
export type Envelope = Infer<typeof envelopeCodec>;

/** What an envelope says outside, apart from its ciphertext. */
export interface EnvelopeFields {
  readonly chainId: ChainId;
  readonly keyEpoch: Epoch;
  readonly expiryHeight: Height;
  readonly form: EnvelopeForm;
}

const ENVELOPE_TAG = utf8('cloister/1/envelope/');

const formBytes = (form: EnvelopeForm): Uint8Array =>
  form.kind === 'sealed'
    ? concatBytes(Uint8Array.of(1, form.suite >> 8, form.suite & 0xff), form.enc)
    : concatBytes(Uint8Array.of(2), fromHex(form.sessionId), u64Bytes(form.counter));

/** The public fields as bytes: associated data of the ciphertext and part of what the caller signs. */
export const publicFieldBytes = (fields: EnvelopeFields): Uint8Array =>
  concatBytes(
    ENVELOPE_TAG,
    Uint8Array.of(ENVELOPE_VERSION),
    fromHex(fields.chainId),
    u64Bytes(fields.keyEpoch),
    u64Bytes(fields.expiryHeight),
    formBytes(fields.form),
  );

/** HPKE info of everything that is sealed to an epoch key of a chain. */
export const epochKeyInfo = (chainId: ChainId, purpose: 'envelope' | 'query'): Uint8Array =>
  concatBytes(utf8(`cloister/1/${purpose}`), fromHex(chainId));

/** An envelope with its bytes and identity. */
export interface ParsedEnvelope {
  readonly envelope: Envelope;
  readonly bytes: Uint8Array;
  readonly transactionId: TransactionId;
}

/** Outcome of reading foreign bytes as an envelope. */
export type EnvelopeVerdict =
  | ({ readonly verdict: 'accepted' } & ParsedEnvelope)
  | {
      readonly verdict: 'rejected';
      readonly code: 'ENVELOPE_MALFORMED' | 'ENVELOPE_TOO_LARGE' | 'ENVELOPE_OTHER_CHAIN';
    };

/** Reads foreign bytes as an envelope of a chain, opening nothing. */
export const parseEnvelope = (foreign: Uint8Array, chainId: ChainId): EnvelopeVerdict => {
  let envelope: Envelope;
  try {
    envelope = decode(envelopeCodec, foreign, MAX_ENVELOPE_BYTES);
  } catch (error) {
    if (!isCloisterError(error)) throw error;
    return {
      verdict: 'rejected',
      code: error.code === 'MESSAGE_TOO_LARGE' ? 'ENVELOPE_TOO_LARGE' : 'ENVELOPE_MALFORMED',
    };
  }
  if (envelope.chainId !== chainId) return { verdict: 'rejected', code: 'ENVELOPE_OTHER_CHAIN' };
  return { verdict: 'accepted', envelope, bytes: foreign, transactionId: transactionId(foreign) };
};

/** Bytes and identity of an envelope that was just sealed. */
export const finishEnvelope = (fields: EnvelopeFields, ciphertext: SealedBytes): ParsedEnvelope => {
  const envelope: Envelope = { version: ENVELOPE_VERSION, ...fields, ciphertext };
  const encoded = encode(envelopeCodec, envelope);
  return { envelope, bytes: encoded, transactionId: transactionId(encoded) };
};
