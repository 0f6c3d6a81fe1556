/**
 * Calls and their outcomes, as they stand inside sealed bytes.
 *
 * A one-shot call is signed by its caller over the public fields of its envelope (which hold chain, key epoch, expiry
 * and KEM output) and its own bytes, so it can be moved neither to another envelope nor to another network. A call in
 * a session carries neither caller nor reply key: the session knows both.
 */
import { ed25519Verify } from '#primitives';
import type { ChainId, PublicKey } from './brand.ts';
import { bytes, byteString, type Codec, encode, type Infer, optional, struct, text, union } from './codec.ts';
import { decodeOrUndefined } from './foreign.ts';
import { concatBytes, domainHashBytes, fromHex } from './hash.ts';
import { MAX_ARGUMENT_BYTES } from './limits.ts';
import { ENVELOPE_BUCKETS, OUTPUT_BUCKETS, paddedCapacity } from './padding.ts';
import { publicKeyCodec, signatureCodec } from './scalars.ts';
import { type SigningContext, signingBytes } from './signing.ts';
import { XWING_SIZES } from './xwing.ts';

/** Longest name of a contract or method, bytes. */
export const MAX_NAME_BYTES = 64;
/** Bytes of the nonce that makes two equal calls different. */
export const NONCE_BYTES = 16;

/** What is called: JSON text arguments, and a key under which a wallet finds its own earlier attempt. */
export const callCodec = struct({
  contract: text(MAX_NAME_BYTES),
  method: text(MAX_NAME_BYTES),
  args: text(MAX_ARGUMENT_BYTES),
  idempotencyKey: optional(text(MAX_NAME_BYTES)),
});

/** What is called. */
export type Call = Infer<typeof callCodec>;

/** The signed part of a one-shot call. */
export const oneShotCallCodec = struct({
  call: callCodec,
  caller: publicKeyCodec,
  nonce: bytes(NONCE_BYTES),
  /** X-Wing key to which the results are sealed. */
  replyKey: bytes(XWING_SIZES.publicKey),
});

/** The signed part of a one-shot call. */
export type OneShotCall = Infer<typeof oneShotCallCodec>;

/** What a call led to, as sealed to its caller, or a message that a contract sealed to a party. */
export const outcomeCodec = union({
  ok: [0, struct({ result: text(paddedCapacity(OUTPUT_BUCKETS)) })],
  /** The contract refused: nothing changed, except audit records that it kept. */
  refused: [1, struct({ reason: text(MAX_NAME_BYTES), detail: optional(text(MAX_ARGUMENT_BYTES)) })],
  /** The call could not be executed: a stable code. */
  failed: [2, struct({ code: text(MAX_NAME_BYTES) })],
  /** JSON text that a contract sealed to one named party. */
  message: [3, struct({ contract: text(MAX_NAME_BYTES), json: text(paddedCapacity(OUTPUT_BUCKETS)) })],
});

/** What a call led to, or a message to a party. */
export type Outcome = Infer<typeof outcomeCodec>;

/** Who signs on behalf of a caller: a key in memory, a keystore or a device. */
export interface Signer {
  readonly publicKey: PublicKey;
  sign(message: Uint8Array): Uint8Array;
}

/** Signed bytes inside an envelope; the signature covers exactly the received `body`. */
export const signedCodec = struct({ body: byteString(paddedCapacity(ENVELOPE_BUCKETS)), signature: signatureCodec });

/** Signed bytes inside an envelope. */
export type Signed = Infer<typeof signedCodec>;

const signedBytes = (
  context: SigningContext,
  chainId: ChainId,
  publicFields: Uint8Array,
  body: Uint8Array,
): Uint8Array =>
  signingBytes(context, chainId, concatBytes(domainHashBytes('cloister/public-fields', publicFields), body));

/** Encodes and signs a body under the public fields of the message that will carry it. */
export const signBody = <T>(
  codec: Codec<T>,
  value: T,
  context: SigningContext,
  chainId: ChainId,
  publicFields: Uint8Array,
  signer: Signer,
): Signed => {
  const body = encode(codec, value);
  return { body, signature: signer.sign(signedBytes(context, chainId, publicFields, body)) };
};

/** Why signed bytes are refused. */
export type SignedFault = 'CONTENT_MALFORMED' | 'SIGNATURE_INVALID';

/** Decodes a signed body and checks the signature of the caller that it names; a fault instead of a value if not. */
export const verifyBody = <T extends { readonly caller: PublicKey }>(
  codec: Codec<T>,
  signed: Signed,
  context: SigningContext,
  chainId: ChainId,
  publicFields: Uint8Array,
): T | SignedFault => {
  const value = decodeOrUndefined(codec, signed.body);
  if (value === undefined) return 'CONTENT_MALFORMED';
  const message = signedBytes(context, chainId, publicFields, signed.body);
  return ed25519Verify(signed.signature, message, fromHex(value.caller)) ? value : 'SIGNATURE_INVALID';
};
