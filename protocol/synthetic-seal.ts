/**
 * Deterministic authenticated encryption with a synthetic nonce (the construction of RFC 8452's idea with
 * HMAC-SHA256 and ChaCha20-Poly1305), for what every replica must seal to the same bytes.
 *
 * Invariants: the AEAD key depends on (key, context), the nonce on (key, context, content), so a nonce repeats only
 * together with everything that it protects; no caller can misuse it. Equal inputs give equal bytes and nothing else
 * is revealed.
 */
import { aeadOpen, aeadSeal, hmacSha256 } from '#primitives';
import type { PlainBytes, SealedBytes } from './brand.ts';
import { concatBytes, utf8 } from './hex.ts';

const NONCE_BYTES = 12;
/** Bytes that sealing adds: the synthetic nonce and the tag. */
export const SYNTHETIC_OVERHEAD_BYTES = NONCE_BYTES + 16;

const KEY_LABEL = utf8('cloister/1/synthetic-seal/key');
const NONCE_LABEL = utf8('cloister/1/synthetic-seal/nonce');

const u32Bytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};

/** Seals content under a 32-byte key; the context names its place (chain, transaction, purpose) and is authenticated. */
export const syntheticSeal = (key: Uint8Array, context: Uint8Array, content: PlainBytes): SealedBytes => {
  const nonce = hmacSha256(key, NONCE_LABEL, u32Bytes(context.length), context, content).slice(0, NONCE_BYTES);
  const sealed = aeadSeal(hmacSha256(key, KEY_LABEL, context), nonce, context, content);
  return concatBytes(nonce, sealed) as SealedBytes;
};

/** Opens what `syntheticSeal` made with the same key and context; undefined when it is not authentic. */
export const syntheticOpen = (key: Uint8Array, context: Uint8Array, sealed: Uint8Array): PlainBytes | undefined => {
  if (sealed.length < SYNTHETIC_OVERHEAD_BYTES) return undefined;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const opened = aeadOpen(hmacSha256(key, KEY_LABEL, context), nonce, context, sealed.subarray(NONCE_BYTES));
  return opened as PlainBytes | undefined;
};
