/** A small network, a caller and an enclave's keys for the sealing tests. Nothing here is random. */
import { ed25519PublicKey, ed25519Sign } from '#primitives';
import { type ChainId, epoch, height, type PublicKey, type TransactionId } from '../../../protocol/brand.ts';
import type { Call, Signer } from '../../../protocol/call.ts';
import { type ParsedEnvelope, parseEnvelope } from '../../../protocol/envelope.ts';
import { type EnvelopeKeys, type OpenedEnvelope, openEnvelope } from '../../../protocol/envelope-open.ts';
import { SEAL_RANDOMNESS_BYTES, type SealingTarget } from '../../../protocol/envelope-seal.ts';
import { domainHash } from '../../../protocol/hash.ts';
import { toHex } from '../../../protocol/hex.ts';
import { type HpkeKeyPair, hpkeKeyPair } from '../../../protocol/hpke.ts';
import type { Session } from '../../../protocol/session.ts';

/** `length` bytes counting up from `start`. */
export const pattern = (length: number, start = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => start + i);

export const chainId = domainHash('test/chain') as ChainId;
export const otherChainId = domainHash('test/other-chain') as ChainId;
export const someTransaction = domainHash('test/transaction') as TransactionId;
export const keyEpoch = epoch(1);
export const expiryHeight = height(900);

export const epochKey = hpkeKeyPair('x-wing', pattern(32, 1));
export const replyKeyPair = hpkeKeyPair('x-wing', pattern(32, 2));
export const target: SealingTarget = { chainId, keyEpoch, suite: 'x-wing', epochPublicKey: epochKey.publicKey };

export const signerOf = (start: number): Signer => {
  const secret = pattern(32, start);
  return { publicKey: toHex(ed25519PublicKey(secret)) as PublicKey, sign: (message) => ed25519Sign(message, secret) };
};
export const alice = signerOf(40);
export const mallory = signerOf(80);

export const randomness = (start = 0): Uint8Array => pattern(SEAL_RANDOMNESS_BYTES, start);
export const callOf = (args = '{}'): Call => ({
  contract: 'token',
  method: 'transfer',
  args,
  idempotencyKey: undefined,
});

/** Keys of an enclave that knows the given sessions. */
export const enclaveKeys = (sessions: readonly Session[] = [], keyPair: HpkeKeyPair = epochKey): EnvelopeKeys => ({
  chainId,
  epochKey: (wanted) => (wanted === keyEpoch ? keyPair : undefined),
  session: (id) => sessions.find((session) => session.id === id),
});

/** Parses bytes that must be a well-formed envelope. */
export const parsed = (bytes: Uint8Array): ParsedEnvelope => {
  const verdict = parseEnvelope(bytes, chainId);
  if (verdict.verdict === 'rejected') throw new Error(verdict.code);
  return verdict;
};

/** Opens bytes as the enclave does. */
export const opened = (bytes: Uint8Array, keys: EnvelopeKeys = enclaveKeys()): OpenedEnvelope =>
  openEnvelope(parsed(bytes), keys);
