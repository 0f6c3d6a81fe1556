/**
 * Certificates: a quorum of equal votes as a signer bitmap and ascending signatures (consensus design §2.3).
 *
 * A certificate carries no identities: bit i is validator i of *our* validator set, so no signature can count for
 * another validator. Its length is exact: ⌈n/8⌉ bitmap bytes, 64 bytes a signer, nothing else.
 */
import { bitmapOf, signersOf } from '../bitmap.ts';
import type { ChainId, PublicKey, Verified } from '../brand.ts';
import { byteString, type Codec, struct } from '../codec.ts';
import { concatBytes, fromHex, newBytes, u64Bytes } from '../hex.ts';
import { MAX_VALIDATORS } from '../limits.ts';
import { blockHashCodec, epochCodec, viewCodec } from '../scalars.ts';
import { hashFitsKind, VOTE_TYPES, type Vote, type VoteStatement, voteBytes, voteKindCodec } from './vote.ts';

const SIGNATURE_BYTES = 64;

/** A notarization, nullification or finalization: `kind` is that of its votes. */
export interface Certificate extends VoteStatement {
  /** Signers, least significant bit first. */
  readonly bitmap: Uint8Array;
  /** 64 bytes a signer, ascending. */
  readonly signatures: Uint8Array;
}

/** A certificate on the wire. */
export const certificateCodec: Codec<Certificate> = struct({
  kind: voteKindCodec,
  epoch: epochCodec,
  view: viewCodec,
  hash: blockHashCodec,
  bitmap: byteString(Math.ceil(MAX_VALIDATORS / 8)),
  signatures: byteString(MAX_VALIDATORS * SIGNATURE_BYTES),
});

/**
 * Hand-laid canonical bytes, for hashes over certificates. Both lengths stand in front, so that no other row of
 * certificates has the same bytes one after the other.
 */
export const certificateBytes = ({ kind, epoch, view, hash, bitmap, signatures }: Certificate): Uint8Array =>
  concatBytes(
    Uint8Array.of(VOTE_TYPES[kind], bitmap.length, signatures.length >> 8, signatures.length & 0xff),
    u64Bytes(epoch),
    u64Bytes(view),
    fromHex(hash),
    bitmap,
    signatures,
  );

/** Builds the certificate of equal votes by distinct signers; the caller guarantees both. */
export const certificateOf = (votes: readonly Vote[], validators: number): Certificate => {
  const first = votes[0];
  if (first === undefined) throw new RangeError('a certificate needs votes');
  const ordered = votes.toSorted((a, b) => a.signer - b.signer);
  const signatures = newBytes(ordered.length * SIGNATURE_BYTES);
  ordered.forEach((vote, position) => {
    signatures.set(vote.signature, position * SIGNATURE_BYTES);
  });
  const { kind, epoch, view, hash } = first;
  return {
    kind,
    epoch,
    view,
    hash,
    bitmap: bitmapOf(
      ordered.map((vote) => vote.signer),
      validators,
    ),
    signatures,
  };
};

/** What a verifier holds: the chain, the epoch and the validator keys in order. */
export interface SignerSet {
  readonly chainId: ChainId;
  readonly epoch: number;
  readonly validatorKeys: readonly PublicKey[];
  /** Votes that make a certificate: n − f. */
  readonly quorum: number;
}

/** Checks one Ed25519 signature; `ed25519Verify` of `#primitives` everywhere but in simulations. */
export type VerifySignature = (signature: Uint8Array, message: Uint8Array, publicKey: PublicKey) => boolean;

/** Why a certificate proves nothing. */
export type CertificateFault =
  | 'WRONG_EPOCH'
  | 'BAD_HASH'
  | 'BAD_SIGNER_SET'
  | 'NO_QUORUM'
  | 'BAD_LENGTH'
  | 'BAD_SIGNATURE';

/** Checks a certificate completely; undefined means that it is valid. Cost: one signature check a signer. */
export const certificateFault = (
  certificate: Certificate,
  set: SignerSet,
  verifySignature: VerifySignature,
): CertificateFault | undefined => {
  if (certificate.epoch !== set.epoch) return 'WRONG_EPOCH';
  if (!hashFitsKind(certificate)) return 'BAD_HASH';
  const signers = signersOf(certificate.bitmap, set.validatorKeys.length);
  if (signers === undefined) return 'BAD_SIGNER_SET';
  if (signers.length < set.quorum) return 'NO_QUORUM';
  if (certificate.signatures.length !== signers.length * SIGNATURE_BYTES) return 'BAD_LENGTH';
  const message = voteBytes(set.chainId, certificate);
  const genuine = signers.every((signer, position) => {
    const key = set.validatorKeys[signer];
    const start = position * SIGNATURE_BYTES;
    return (
      key !== undefined &&
      verifySignature(certificate.signatures.subarray(start, start + SIGNATURE_BYTES), message, key)
    );
  });
  return genuine ? undefined : 'BAD_SIGNATURE';
};

/** A certificate that `certificateFault` found valid. */
export type VerifiedCertificate = Verified<Certificate>;
