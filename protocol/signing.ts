/**
 * Signature contexts: what each Ed25519 signature in the system is about.
 *
 * Every signed message starts with its registered context, zero-padded to 32 bytes, and the chain id, so that no
 * signature can be reused for another purpose or network. Consensus votes have their own 97-byte layout
 * (protocol/consensus) whose domain differs from every context here.
 */
import type { ChainId } from './brand.ts';
import { concatBytes, fromHex, utf8 } from './hex.ts';

/** The registry: one line per purpose; a context is never reused. */
export const signingContexts = {
  call: 'cloister/1/call',
  sessionOpening: 'cloister/1/session-opening',
  query: 'cloister/1/query',
  resultStatement: 'cloister/1/result-statement',
  epochKey: 'cloister/1/epoch-key',
  provisioning: 'cloister/1/provisioning',
  freshness: 'cloister/1/freshness',
  governance: 'cloister/1/governance',
  readiness: 'cloister/1/readiness',
  keyRotation: 'cloister/1/key-rotation',
  status: 'cloister/1/status',
  simulatedQuote: 'cloister/1/simulated-quote',
  simulatedProcessor: 'cloister/1/simulated-processor',
} as const;

/** Name of a registered purpose. */
export type SigningContext = keyof typeof signingContexts;

const CONTEXT_BYTES = 32;

/** The bytes to sign: context ‖ chain id ‖ body. */
export const signingBytes = (context: SigningContext, chainId: ChainId, body: Uint8Array): Uint8Array => {
  const tag = new Uint8Array(CONTEXT_BYTES);
  tag.set(utf8(signingContexts[context]));
  return concatBytes(tag, fromHex(chainId), body);
};
