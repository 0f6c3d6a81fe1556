/**
 * From foreign bytes to checked envelopes: what can be said of a submission without opening it.
 *
 * A client that forgot to encrypt gets TX_NOT_ENCRYPTED, so that it learns at once that its call was disclosed.
 */
import type { ChainId } from '../../protocol/brand.ts';
import { type ParsedEnvelope, parseEnvelope } from '../../protocol/envelope.ts';
import { MAX_ENVELOPE_BYTES } from '../../protocol/limits.ts';
import { isCanonicalWire } from '../../protocol/wire.ts';
import { apiErrors } from './errors.ts';

/** Field names by which a plaintext call in JSON is recognised. */
const CALL_FIELDS = ['contract', 'method', 'args', 'arguments', 'call', 'caller', 'payload', 'plaintext'];
/** Random bytes are all printable over this length with a chance below 2^-90. */
const SAMPLE_BYTES = 64;

const isPrintable = (byte: number): boolean =>
  (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d || byte === 0x09;

const readsAsText = (bytes: Uint8Array): boolean =>
  bytes.length > 0 && bytes.subarray(0, SAMPLE_BYTES).every(isPrintable);

/** Whether a JSON body is a call that was never sealed. */
export const isPlainCall = (body: unknown): boolean => {
  if (typeof body !== 'object' || body === null) return false;
  if (CALL_FIELDS.some((name) => Object.hasOwn(body, name))) return true;
  const { envelopes } = body as { envelopes?: unknown };
  return Array.isArray(envelopes) && envelopes.some((item) => typeof item === 'object' && item !== null);
};

/** Checks size, form, chain and that the payload does not read as text. Throws the refusal. */
export const checkEnvelope = (bytes: Uint8Array, chainId: ChainId): ParsedEnvelope => {
  const parsed = parseEnvelope(bytes, chainId);
  if (parsed.verdict === 'rejected') {
    if (parsed.code === 'ENVELOPE_OTHER_CHAIN') throw apiErrors.error('WRONG_CHAIN');
    if (parsed.code === 'ENVELOPE_TOO_LARGE') throw apiErrors.error('TX_TOO_LARGE', { maxBytes: MAX_ENVELOPE_BYTES });
    throw apiErrors.error(readsAsText(bytes) || isCanonicalWire(bytes) ? 'TX_NOT_ENCRYPTED' : 'TX_MALFORMED');
  }
  if (readsAsText(parsed.envelope.ciphertext)) throw apiErrors.error('TX_NOT_ENCRYPTED');
  return parsed;
};
