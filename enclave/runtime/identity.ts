/**
 * The enclave's own identity: the key that signs results, the key to which peers seal, and its share of the first
 * epoch secret.
 *
 * It is drawn once, inside, and leaves only sealed to the simulated processor under a key that depends on the
 * processor and on this very code, so that a stopped test network starts again. A genesis of another policy class is
 * refused at provisioning, so nothing of value is ever protected by it.
 */
import { aeadOpen, aeadSeal, ed25519PublicKey } from '#primitives';
import type { Hash, Measurement, PublicKey } from '../../protocol/brand.ts';
import { hkdfExtract } from '../../protocol/crypto/hkdf.ts';
import { contributionCommitment } from '../../protocol/genesis.ts';
import { concatBytes, fromHex, toHex } from '../../protocol/hex.ts';
import { type HpkeKeyPair, hpkeKeyPair } from '../../protocol/hpke.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import { type DerivationPurpose, derive } from './derive.ts';

const SECRET_BYTES = 32;
const NONCE_BYTES = 12;
const IDENTITY_BYTES = 3 * SECRET_BYTES;

/** Source of randomness: the system's inside the enclave, a seeded one in tests. */
export type RandomSource = (lengthBytes: number) => Uint8Array;

/** Seals to this processor and this code. */
export interface PlatformSealer {
  seal(label: DerivationPurpose, context: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Undefined when the blob was not made by the same code on the same processor for the same context. */
  open(label: DerivationPurpose, context: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** The sealer of a simulated processor. */
export function simulatedSealer(
  processorSecret: Uint8Array,
  measurement: Measurement,
  random: RandomSource,
): PlatformSealer {
  const root = hkdfExtract(fromHex(measurement), processorSecret);
  return {
    seal: (label, context, plaintext) => {
      const nonce = random(NONCE_BYTES);
      return concatBytes(nonce, aeadSeal(derive(root, label, context, SECRET_BYTES), nonce, context, plaintext));
    },
    open: (label, context, sealed) => {
      if (sealed.length < NONCE_BYTES) return undefined;
      const key = derive(root, label, context, SECRET_BYTES);
      return aeadOpen(key, sealed.subarray(0, NONCE_BYTES), context, sealed.subarray(NONCE_BYTES));
    },
  };
}

/** What the enclave is, with its secrets. */
export interface Identity {
  readonly signingSecret: Uint8Array;
  readonly enclaveKey: PublicKey;
  readonly kem: HpkeKeyPair;
  /** This enclave's share of the first epoch secret. */
  readonly contribution: Uint8Array;
  readonly commitment: Hash;
}

function identityOf(secrets: Uint8Array): Identity {
  const signingSecret = secrets.slice(0, SECRET_BYTES);
  const contribution = secrets.slice(2 * SECRET_BYTES);
  return {
    signingSecret,
    enclaveKey: toHex(ed25519PublicKey(signingSecret)) as PublicKey,
    kem: hpkeKeyPair('x-wing', secrets.slice(SECRET_BYTES, 2 * SECRET_BYTES)),
    contribution,
    commitment: contributionCommitment(contribution),
  };
}

const NO_CONTEXT = new Uint8Array(0);

/** Opens a sealed identity, or draws a new one. Throws SEALED_STATE_REFUSED for a blob that is not this enclave's. */
export function loadIdentity(
  sealed: Uint8Array | undefined,
  sealer: PlatformSealer,
  random: RandomSource,
): { readonly identity: Identity; readonly sealedIdentity: Uint8Array } {
  if (sealed === undefined) {
    const secrets = random(IDENTITY_BYTES);
    return { identity: identityOf(secrets), sealedIdentity: sealer.seal('sealedIdentity', NO_CONTEXT, secrets) };
  }
  const secrets = sealer.open('sealedIdentity', NO_CONTEXT, sealed);
  if (secrets?.length !== IDENTITY_BYTES) throw enclaveErrors.error('SEALED_STATE_REFUSED');
  return { identity: identityOf(secrets), sealedIdentity: sealed };
}
