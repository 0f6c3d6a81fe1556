/**
 * Signatures that were found genuine, so that each costs one public-key operation.
 *
 * A validator meets the same signature several times: as a vote, inside the certificate that the votes make, in the
 * certificates of every peer, in the justification of the next proposal. Only genuine ones are remembered, under a hash
 * of signature, key and message, so nothing but exactly that triple passes by memory. Bounded by two generations.
 */
import { sha256 } from '#primitives';
import type { VerifySignature } from '../protocol/consensus/certificate.ts';
import { fromHex, toHex } from '../protocol/hex.ts';

const SIGNATURE_BYTES = 64;

/** A signature check that remembers up to twice `generation` genuine signatures. */
export const rememberingVerifier = (verify: VerifySignature, generation: number): VerifySignature => {
  let young = new Set<string>();
  let old = new Set<string>();
  return (signature, message, publicKey) => {
    if (signature.length !== SIGNATURE_BYTES) return verify(signature, message, publicKey);
    const key = toHex(sha256(signature, fromHex(publicKey), message));
    if (young.has(key)) return true;
    if (!old.has(key) && !verify(signature, message, publicKey)) return false;
    young.add(key);
    if (young.size >= generation) {
      old = young;
      young = new Set();
    }
    return true;
  };
};
