/**
 * Result statements and certificates: what a validator asserts after executing a final block.
 *
 * Honest validators sign only what is final and what their own enclave computed, so n − f matching pairs of an enclave
 * signature and a validator signature prove finality and result together (design §4). The signers are the validators of
 * the block's epoch or those of the next one: a validator that was removed owes nothing any more, so the last blocks
 * before a change must not depend on it.
 */
import { ed25519Sign, ed25519Verify } from '#primitives';
import { bitmapOf, signersOf } from './bitmap.ts';
import type { Hash } from './brand.ts';
import { byteString, type Infer, struct, text, u64 } from './codec.ts';
import type { ValidatorSet } from './consensus/configuration.ts';
import { concatBytes, domainHash, fromHex, u64Bytes, utf8 } from './hash.ts';
import { MAX_VALIDATORS } from './limits.ts';
import {
  blockHashCodec,
  chainIdCodec,
  epochCodec,
  hashCodec,
  heightCodec,
  measurementCodec,
  stateRootCodec,
} from './scalars.ts';
import { signingBytes } from './signing.ts';

/** What executing one block produced. */
export const resultStatementCodec = struct({
  chainId: chainIdCodec,
  /** Epoch of the block. */
  epoch: epochCodec,
  height: heightCodec,
  blockHash: blockHashCodec,
  /** Consensus time of the block, ms since the Unix epoch. */
  timeMs: u64,
  stateRoot: stateRootCodec,
  /** Merkle root over the block's encoded receipts. */
  receiptsRoot: hashCodec,
  /** Hash of the sealed write set. */
  writeSetHash: hashCodec,
  measurement: measurementCodec,
  /** Platform of the enclaves: `sim` where no hardware protects them. */
  platform: text(16),
});

/** What executing one block produced. */
export type ResultStatement = Infer<typeof resultStatementCodec>;

const signedBytes = new WeakMap<ResultStatement, Uint8Array>();
const statementHashes = new WeakMap<ResultStatement, Hash>();

/** The bytes that a statement's signatures cover; computed once for each object. */
export const resultStatementBytes = (statement: ResultStatement): Uint8Array => {
  const known = signedBytes.get(statement);
  if (known !== undefined) return known;
  const bytes = layOut(statement);
  signedBytes.set(statement, bytes);
  return bytes;
};

const layOut = (statement: ResultStatement): Uint8Array =>
  signingBytes(
    'resultStatement',
    statement.chainId,
    concatBytes(
      u64Bytes(statement.epoch),
      u64Bytes(statement.height),
      fromHex(statement.blockHash),
      u64Bytes(statement.timeMs),
      fromHex(statement.stateRoot),
      fromHex(statement.receiptsRoot),
      fromHex(statement.writeSetHash),
      fromHex(statement.measurement),
      utf8(statement.platform),
    ),
  );

/** Identifier of a statement, the same for every set of signers; headers name it in their state certificate. */
export const resultStatementHash = (statement: ResultStatement): Hash => {
  const known = statementHashes.get(statement);
  if (known !== undefined) return known;
  const hash = domainHash('cloister/result-statement', resultStatementBytes(statement));
  statementHashes.set(statement, hash);
  return hash;
};

/** Hash of a sealed write set, as it stands in the statement. */
export const writeSetHash = (sealedWriteSet: Uint8Array): Hash => domainHash('cloister/write-set', sealedWriteSet);

/** Signs a statement, as an enclave or as a validator. */
export const signResultStatement = (statement: ResultStatement, secretKey: Uint8Array): Uint8Array =>
  ed25519Sign(resultStatementBytes(statement), secretKey);

/** One validator's two signatures over a statement. */
export interface ResultSignatures {
  readonly validator: number;
  readonly enclaveSignature: Uint8Array;
  readonly validatorSignature: Uint8Array;
}

/** Whether both signatures of one validator are valid. */
export const verifyResultSignatures = (
  statement: ResultStatement,
  pair: ResultSignatures,
  set: ValidatorSet,
): boolean => {
  const enclaveKey = set.enclaveKeys[pair.validator];
  const validatorKey = set.validatorKeys[pair.validator];
  if (enclaveKey === undefined || validatorKey === undefined) return false;
  const message = resultStatementBytes(statement);
  return (
    ed25519Verify(pair.enclaveSignature, message, fromHex(enclaveKey)) &&
    ed25519Verify(pair.validatorSignature, message, fromHex(validatorKey))
  );
};

/** A statement with the signature pairs of at least a quorum, ascending by validator. */
export const resultCertificateCodec = struct({
  statement: resultStatementCodec,
  /** Epoch whose validators signed: that of the block, or the next. */
  signerEpoch: epochCodec,
  signers: byteString(Math.ceil(MAX_VALIDATORS / 8)),
  /** 64 bytes a signer. */
  enclaveSignatures: byteString(MAX_VALIDATORS * 64),
  /** 64 bytes a signer. */
  validatorSignatures: byteString(MAX_VALIDATORS * 64),
});

/** A statement with the signature pairs of at least a quorum. */
export type ResultCertificate = Infer<typeof resultCertificateCodec>;

/** Largest encoded result certificate. */
export const MAX_RESULT_CERTIFICATE_BYTES = 1024 + MAX_VALIDATORS * 130;

/** Builds the certificate of verified pairs; the caller guarantees that they are distinct and at least a quorum. */
export const resultCertificateOf = (
  statement: ResultStatement,
  pairs: readonly ResultSignatures[],
  set: ValidatorSet,
): ResultCertificate => {
  const ordered = pairs.toSorted((a, b) => a.validator - b.validator);
  return {
    statement,
    signerEpoch: set.epoch,
    signers: bitmapOf(
      ordered.map((pair) => pair.validator),
      set.validatorKeys.length,
    ),
    enclaveSignatures: concatBytes(...ordered.map((pair) => pair.enclaveSignature)),
    validatorSignatures: concatBytes(...ordered.map((pair) => pair.validatorSignature)),
  };
};

/** Why a result certificate proves nothing. */
export type ResultCertificateFault = 'WRONG_EPOCH' | 'BAD_SIGNER_SET' | 'NO_QUORUM' | 'BAD_LENGTH' | 'BAD_SIGNATURE';

/** Whether the validators of an epoch may certify blocks of another: of their own, and of the one before. */
export const certifies = (signerEpoch: number, blockEpoch: number): boolean =>
  signerEpoch === blockEpoch || signerEpoch === blockEpoch + 1;

/** Checks a certificate against the validators of its signers' epoch; undefined means that it is valid. */
export const resultCertificateFault = (
  certificate: ResultCertificate,
  set: ValidatorSet,
): ResultCertificateFault | undefined => {
  const { signerEpoch, statement } = certificate;
  if (signerEpoch !== set.epoch || !certifies(signerEpoch, statement.epoch)) return 'WRONG_EPOCH';
  const signers = signersOf(certificate.signers, set.validatorKeys.length);
  if (signers === undefined) return 'BAD_SIGNER_SET';
  if (signers.length < set.quorum) return 'NO_QUORUM';
  const expectedBytes = signers.length * 64;
  if (certificate.enclaveSignatures.length !== expectedBytes) return 'BAD_LENGTH';
  if (certificate.validatorSignatures.length !== expectedBytes) return 'BAD_LENGTH';
  const genuine = signers.every((validator, position) =>
    verifyResultSignatures(
      statement,
      {
        validator,
        enclaveSignature: certificate.enclaveSignatures.subarray(position * 64, position * 64 + 64),
        validatorSignature: certificate.validatorSignatures.subarray(position * 64, position * 64 + 64),
      },
      set,
    ),
  );
  return genuine ? undefined : 'BAD_SIGNATURE';
};
