/** Key derivation inside the enclave: HKDF-SHA256 (RFC 5869) with one registered label per purpose. */
import { hkdfExpand } from '../../protocol/crypto/hkdf.ts';
import { utf8 } from '../../protocol/hex.ts';

/** Every purpose for which a secret is derived; a label is never reused. */
export const derivationLabels = {
  sealedIdentity: 'cloister/1/seal/identity',
  sealedEpoch: 'cloister/1/seal/epoch',
  epochSecret: 'cloister/1/epoch/secret',
  envelopeKem: 'cloister/1/epoch/envelope-kem',
  classicalEnvelopeKem: 'cloister/1/epoch/envelope-kem-x25519',
  stateDigest: 'cloister/1/epoch/state-digest',
  writeSet: 'cloister/1/epoch/write-set',
  outputSealing: 'cloister/1/epoch/output-sealing',
  shapelessOutput: 'cloister/1/epoch/shapeless-output',
  contractRandomness: 'cloister/1/epoch/contract-randomness',
} as const;

/** A registered purpose. */
export type DerivationPurpose = keyof typeof derivationLabels;

const SEPARATOR = Uint8Array.of(0);

/** Derives `lengthBytes` from a pseudo-random key for one purpose, bound to `context` (a chain, an epoch, a call …). */
export function derive(
  secret: Uint8Array,
  purpose: DerivationPurpose,
  context: Uint8Array,
  lengthBytes: number,
): Uint8Array {
  return hkdfExpand(secret, lengthBytes, utf8(derivationLabels[purpose]), SEPARATOR, context);
}
