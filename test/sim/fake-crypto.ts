/** Signatures for simulations: cheap, deterministic, checkable, and forgeable by nobody who does not ask for a key's. */
import type { ChainId, PublicKey } from '../../protocol/brand.ts';
import type { VerifySignature } from '../../protocol/consensus/certificate.ts';
import { type EpochAnchor, firstEpoch } from '../../protocol/consensus/configuration.ts';
import { type VoteStatement, voteBytes } from '../../protocol/consensus/vote.ts';

const chainId = '5c'.repeat(32) as ChainId;
/** Genesis time of simulated chains. */
export const GENESIS_MS = 1_700_000_000_000;

const keyOf = (index: number): PublicKey => index.toString(16).padStart(64, '0') as PublicKey;

const mix = (message: Uint8Array, key: PublicKey): Uint8Array => {
  let low = 0x811c9dc5 ^ Number.parseInt(key.slice(-6), 16);
  let high = 0x01000193;
  for (const byte of message) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high + byte, 0x85ebca6b) ^ low;
  }
  const signature = new Uint8Array(64);
  const dataView = new DataView(signature.buffer);
  dataView.setInt32(0, low);
  dataView.setInt32(4, high);
  return signature;
};

/** Checks a simulated signature. */
export const fakeVerify: VerifySignature = (signature, message, key) => {
  const expected = mix(message, key);
  for (let i = 0; i < 64; i += 1) if (expected[i] !== signature[i]) return false;
  return signature.length === 64;
};

const anchors = new Map<number, EpochAnchor>();

/** Epoch anchor of a simulated chain with n validators. */
export const fakeAnchor = (validators: number): EpochAnchor => {
  const known = anchors.get(validators);
  if (known !== undefined) return known;
  const anchor = firstEpoch(
    chainId,
    Array.from({ length: validators }, (_, index) => keyOf(index + 1)),
    GENESIS_MS,
  );
  anchors.set(validators, anchor);
  return anchor;
};

/** Signs as the validator at `index` of the set (its key is index + 1). */
export const signAs = (index: number, statement: VoteStatement): Uint8Array =>
  mix(voteBytes(chainId, statement), keyOf(index + 1));
