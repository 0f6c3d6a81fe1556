/**
 * Sealing of calls, by wallets. All randomness is a parameter.
 *
 * Failures here are the caller's own: content that is too large or an epoch key that is invalid throws; the wallet
 * checks the epoch key when it connects.
 */
import { aeadSeal } from '#primitives';
import type { ChainId, Epoch, Height, PlainBytes, SealedBytes } from './brand.ts';
import {
  type Call,
  callCodec,
  NONCE_BYTES,
  oneShotCallCodec,
  type Signed,
  signBody,
  signedCodec,
  type Signer,
} from './call.ts';
import { encode, type Infer, union } from './codec.ts';
import {
  type EnvelopeFields,
  epochKeyInfo,
  finishEnvelope,
  type ParsedEnvelope,
  publicFieldBytes,
} from './envelope.ts';
import { HPKE_SUITES, type HpkeContext, type HpkeSuite, hpkeSetupSender } from './hpke.ts';
import { ENVELOPE_BUCKETS, pad } from './padding.ts';
import { deriveSessionKeys, sessionNonce, sessionOpeningCodec, WalletSession } from './session.ts';

/** Content of a sealed envelope: a one-shot call or a session opening, each signed. */
export const sealedContentCodec = union({ call: [1, signedCodec], opening: [2, signedCodec] });

/** Content of a sealed envelope. */
export type SealedContent = Infer<typeof sealedContentCodec>;

/** The network as a wallet sees it: where envelopes go and which key they are sealed to. */
export interface SealingTarget {
  readonly chainId: ChainId;
  readonly keyEpoch: Epoch;
  readonly suite: HpkeSuite;
  /** The epoch's envelope key, taken from statements of attested enclaves. */
  readonly epochPublicKey: Uint8Array;
}

/** Random bytes that one sealed envelope takes: KEM randomness and a nonce. */
export const SEAL_RANDOMNESS_BYTES = 64 + NONCE_BYTES;

/** Sets up HPKE to the target and says which part of the randomness is the nonce. */
export const startSealing = (
  target: SealingTarget,
  purpose: 'envelope' | 'query',
  randomness: Uint8Array,
): { readonly enc: Uint8Array; readonly context: HpkeContext; readonly nonce: Uint8Array } => {
  if (randomness.length !== SEAL_RANDOMNESS_BYTES) {
    throw new RangeError(`sealing takes ${SEAL_RANDOMNESS_BYTES} bytes of randomness`);
  }
  const kemRandomness = randomness.slice(0, HPKE_SUITES[target.suite].randomnessBytes);
  const info = epochKeyInfo(target.chainId, purpose);
  const sender = hpkeSetupSender(target.suite, target.epochPublicKey, info, kemRandomness);
  if (sender === undefined) throw new RangeError('the epoch public key is not valid');
  return { ...sender, nonce: randomness.slice(64) };
};

interface Sealing {
  readonly fields: EnvelopeFields;
  readonly publicFields: Uint8Array;
  readonly context: HpkeContext;
  readonly nonce: Uint8Array;
}

const openSealing = (target: SealingTarget, expiryHeight: Height, randomness: Uint8Array): Sealing => {
  const { enc, context, nonce } = startSealing(target, 'envelope', randomness);
  const fields: EnvelopeFields = {
    chainId: target.chainId,
    keyEpoch: target.keyEpoch,
    expiryHeight,
    form: { kind: 'sealed', suite: HPKE_SUITES[target.suite].kemId, enc },
  };
  return { fields, publicFields: publicFieldBytes(fields), context, nonce };
};

const closeSealing = (sealing: Sealing, kind: SealedContent['kind'], signed: Signed): ParsedEnvelope => {
  const padded = pad(encode(sealedContentCodec, { kind, ...signed }), ENVELOPE_BUCKETS);
  return finishEnvelope(sealing.fields, sealing.context.seal(sealing.publicFields, padded) as SealedBytes);
};

/** Seals and signs a one-shot call; its results will be sealed to `replyKey`. */
export const sealCall = (
  target: SealingTarget,
  signer: Signer,
  request: { readonly call: Call; readonly replyKey: Uint8Array; readonly expiryHeight: Height },
  randomness: Uint8Array,
): ParsedEnvelope => {
  const sealing = openSealing(target, request.expiryHeight, randomness);
  const content = { call: request.call, caller: signer.publicKey, nonce: sealing.nonce, replyKey: request.replyKey };
  const signed = signBody(oneShotCallCodec, content, 'call', target.chainId, sealing.publicFields, signer);
  return closeSealing(sealing, 'call', signed);
};

/** Seals and signs the opening of a session, optionally with its first call. */
export const sealSessionOpen = (
  target: SealingTarget,
  signer: Signer,
  request: {
    readonly replyKey: Uint8Array;
    /** Last height at which this envelope may be executed. */
    readonly expiryHeight: Height;
    /** Last height at which the session may be used. */
    readonly sessionExpiryHeight: Height;
    readonly firstCall?: Call;
  },
  randomness: Uint8Array,
): ParsedEnvelope & { readonly session: WalletSession } => {
  const sealing = openSealing(target, request.expiryHeight, randomness);
  const opening = {
    caller: signer.publicKey,
    nonce: sealing.nonce,
    expiryHeight: request.sessionExpiryHeight,
    replyKey: request.replyKey,
    firstCall: request.firstCall,
  };
  const { chainId } = target;
  const signed = signBody(sessionOpeningCodec, opening, 'sessionOpening', chainId, sealing.publicFields, signer);
  const session = new WalletSession(deriveSessionKeys(sealing.context));
  return { ...closeSealing(sealing, 'opening', signed), session };
};

/** Seals a call of an open session under the session's next number. */
export const sealSessionCall = (
  target: Pick<SealingTarget, 'chainId' | 'keyEpoch'>,
  session: WalletSession,
  request: { readonly call: Call; readonly expiryHeight: Height },
): ParsedEnvelope => {
  const padded: PlainBytes = pad(encode(callCodec, request.call), ENVELOPE_BUCKETS);
  const counter = session.takeCounter();
  const fields: EnvelopeFields = {
    chainId: target.chainId,
    keyEpoch: target.keyEpoch,
    expiryHeight: request.expiryHeight,
    form: { kind: 'session', sessionId: session.keys.id, counter },
  };
  const ciphertext = aeadSeal(session.keys.callKey, sessionNonce(counter), publicFieldBytes(fields), padded);
  return finishEnvelope(fields, ciphertext as SealedBytes);
};
