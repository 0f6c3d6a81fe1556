/**
 * Opening of envelopes, by enclaves. Foreign bytes never throw: the verdict says what was inside or which rule failed.
 *
 * Checked here: authenticity, padding, canonical content, the caller's signature and that results can be sealed to the
 * reply key. Left to the enclave's state: expiry, replays (transaction id, session counter), quotas, session life.
 */
import { aeadOpen } from '#primitives';
import type { ChainId, Epoch, PublicKey, TransactionId } from './brand.ts';
import { type Call, callCodec, oneShotCallCodec, type Signed, type SignedFault, verifyBody } from './call.ts';
import { type Envelope, type EnvelopeForm, epochKeyInfo, type ParsedEnvelope, publicFieldBytes } from './envelope.ts';
import { sealedContentCodec } from './envelope-seal.ts';
import { decodeOrUndefined } from './foreign.ts';
import { type HpkeContext, type HpkeKeyPair, type HpkeSuite, hpkeSetupRecipient, hpkeSuiteOf } from './hpke.ts';
import { ENVELOPE_BUCKETS, unpad } from './padding.ts';
import { deriveSessionKeys, type Session, type SessionId, sessionNonce, sessionOpeningCodec } from './session.ts';
import { isValidXWingPublicKey } from './xwing.ts';

/** Keys that an enclave holds for opening. */
export interface EnvelopeKeys {
  readonly chainId: ChainId;
  /** Key pair of a key epoch for a suite; keep one object per epoch and suite, its expansion is expensive. */
  epochKey(keyEpoch: Epoch, suite: HpkeSuite): HpkeKeyPair | undefined;
  session(id: SessionId): Session | undefined;
}

/** Why an envelope could not be opened. */
export type OpenFault =
  | 'ENVELOPE_OTHER_CHAIN'
  | 'KEY_EPOCH_UNKNOWN'
  | 'SUITE_NOT_SUPPORTED'
  | 'SESSION_UNKNOWN'
  | 'NOT_AUTHENTIC'
  | 'REPLY_KEY_INVALID'
  | SignedFault;

/** What was inside an envelope. */
export type OpenedEnvelope =
  | {
      readonly verdict: 'call';
      readonly transactionId: TransactionId;
      readonly caller: PublicKey;
      readonly call: Call;
      readonly nonce: Uint8Array;
      readonly replyKey: Uint8Array;
    }
  | {
      readonly verdict: 'session-opening';
      readonly transactionId: TransactionId;
      readonly session: Session;
      readonly nonce: Uint8Array;
      readonly replyKey: Uint8Array;
      readonly firstCall: Call | undefined;
    }
  | {
      readonly verdict: 'session-call';
      readonly transactionId: TransactionId;
      readonly session: Session;
      readonly counter: number;
      readonly call: Call;
    }
  | { readonly verdict: 'rejected'; readonly code: OpenFault };

const rejected = (code: OpenFault): OpenedEnvelope => ({ verdict: 'rejected', code });

type Form<K extends EnvelopeForm['kind']> = Extract<EnvelopeForm, { kind: K }>;

/** Recipient side of HPKE for a form, or the fault. */
export const receiveSealed = (
  keys: EnvelopeKeys,
  keyEpoch: Epoch,
  form: Form<'sealed'>,
  purpose: 'envelope' | 'query',
): HpkeContext | OpenFault => {
  const suite = hpkeSuiteOf(form.suite);
  if (suite === undefined) return 'SUITE_NOT_SUPPORTED';
  const keyPair = keys.epochKey(keyEpoch, suite);
  if (keyPair === undefined) return 'KEY_EPOCH_UNKNOWN';
  if (keyPair.suite !== suite) return 'SUITE_NOT_SUPPORTED';
  return hpkeSetupRecipient(keyPair, form.enc, epochKeyInfo(keys.chainId, purpose)) ?? 'NOT_AUTHENTIC';
};

const openCall = (parsed: ParsedEnvelope, signed: Signed, publicFields: Uint8Array): OpenedEnvelope => {
  const body = verifyBody(oneShotCallCodec, signed, 'call', parsed.envelope.chainId, publicFields);
  if (typeof body === 'string') return rejected(body);
  if (!isValidXWingPublicKey(body.replyKey)) return rejected('REPLY_KEY_INVALID');
  return { verdict: 'call', transactionId: parsed.transactionId, ...body };
};

const openOpening = (
  parsed: ParsedEnvelope,
  signed: Signed,
  publicFields: Uint8Array,
  context: HpkeContext,
): OpenedEnvelope => {
  const body = verifyBody(sessionOpeningCodec, signed, 'sessionOpening', parsed.envelope.chainId, publicFields);
  if (typeof body === 'string') return rejected(body);
  if (!isValidXWingPublicKey(body.replyKey)) return rejected('REPLY_KEY_INVALID');
  return {
    verdict: 'session-opening',
    transactionId: parsed.transactionId,
    session: { ...deriveSessionKeys(context), caller: body.caller, expiryHeight: body.expiryHeight },
    nonce: body.nonce,
    replyKey: body.replyKey,
    firstCall: body.firstCall,
  };
};

const openSealed = (parsed: ParsedEnvelope, form: Form<'sealed'>, keys: EnvelopeKeys): OpenedEnvelope => {
  const context = receiveSealed(keys, parsed.envelope.keyEpoch, form, 'envelope');
  if (typeof context === 'string') return rejected(context);
  const publicFields = publicFieldBytes(parsed.envelope);
  const padded = context.open(publicFields, parsed.envelope.ciphertext);
  if (padded === undefined) return rejected('NOT_AUTHENTIC');
  const plain = unpad(padded, ENVELOPE_BUCKETS);
  const content = plain && decodeOrUndefined(sealedContentCodec, plain);
  if (content === undefined) return rejected('CONTENT_MALFORMED');
  return content.kind === 'call'
    ? openCall(parsed, content, publicFields)
    : openOpening(parsed, content, publicFields, context);
};

const openInSession = (parsed: ParsedEnvelope, form: Form<'session'>, keys: EnvelopeKeys): OpenedEnvelope => {
  const session = keys.session(form.sessionId);
  if (session === undefined) return rejected('SESSION_UNKNOWN');
  const { envelope, transactionId } = parsed;
  const nonce = sessionNonce(form.counter);
  const padded = aeadOpen(session.callKey, nonce, publicFieldBytes(envelope), envelope.ciphertext);
  if (padded === undefined) return rejected('NOT_AUTHENTIC');
  const plain = unpad(padded, ENVELOPE_BUCKETS);
  const call = plain && decodeOrUndefined(callCodec, plain);
  if (call === undefined) return rejected('CONTENT_MALFORMED');
  return { verdict: 'session-call', transactionId, session, counter: form.counter, call };
};

/** Opens a parsed envelope with the keys of this enclave. */
export const openEnvelope = (parsed: ParsedEnvelope, keys: EnvelopeKeys): OpenedEnvelope => {
  const envelope: Envelope = parsed.envelope;
  if (envelope.chainId !== keys.chainId) return rejected('ENVELOPE_OTHER_CHAIN');
  return envelope.form.kind === 'sealed'
    ? openSealed(parsed, envelope.form, keys)
    : openInSession(parsed, envelope.form, keys);
};
