/**
 * What the audit of a ledger checks beyond the ledger's own records: header chain, bodies, finality proofs, receipts,
 * result statements and certificates, all against the genesis alone.
 */
import { ed25519Verify } from '#primitives';
import { decode } from '../protocol/codec.ts';
import { bodyFault, blockBodyCodec } from '../protocol/consensus/body.ts';
import { type EpochAnchor, genesisAnchor, validatorSetOf } from '../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../protocol/consensus/header.ts';
import { chainIdOf, type Genesis } from '../protocol/genesis.ts';
import { fromHex } from '../protocol/hex.ts';
import { MAX_BODY_BYTES } from '../protocol/limits.ts';
import { merkleRoot } from '../protocol/merkle.ts';
import { receiptCodec } from '../protocol/receipt.ts';
import {
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultStatement,
  resultCertificateCodec,
  resultCertificateFault,
  resultStatementBytes,
  resultStatementCodec,
  resultStatementHash,
  writeSetHash,
} from '../protocol/result.ts';
import { outputCommitment } from '../protocol/sealed-output.ts';
import type { SealedBytes } from '../protocol/brand.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { epochsOf } from '../node/epochs.ts';
import { decodeHeaderRecord } from '../node/stored-blocks.ts';
import type { AuditedHeight, Ledger } from '../ledger/index.ts';
import { finalityCheckOf } from './finality-audit.ts';

const MAX_ENCODED_BODY_BYTES = 2 * MAX_BODY_BYTES;

/** A check of one height after the other, in ascending order. */
export type HeightCheck = (audited: AuditedHeight) => readonly string[];

/** The epochs that a ledger proves; the first alone where a proof does not hold: later heights are then named. */
export const provenEpochs = (ledger: Ledger, genesis: Genesis): readonly EpochAnchor[] => {
  try {
    return epochsOf(ledger, genesis);
  } catch (error) {
    if (!isCloisterError(error)) throw error;
    return [genesisAnchor(genesis)];
  }
};

/**
 * Makes the check for a ledger, whose epochs were proven from its genesis; it remembers the last block whose finality it
 * proved, and the blocks since then, which a later proof covers.
 */
export const heightCheckOf = (ledger: Ledger, genesis: Genesis, epochs: readonly EpochAnchor[]): HeightCheck => {
  const checkFinality = finalityCheckOf(ledger, epochs);
  return (audited) => {
    const problems: string[] = [];
    const attempt = (part: string, check: () => string | undefined): void => {
      try {
        const problem = check();
        if (problem !== undefined) problems.push(`${part}: ${problem}`);
      } catch (error) {
        problems.push(`${part}: ${isCloisterError(error) ? error.code : 'cannot be read'}`);
      }
    };
    let header: Header | undefined;
    attempt('header', () => {
      header = decodeHeaderRecord(audited.header).header;
      return blockId(header) === audited.blockHash && header.height === audited.height
        ? undefined
        : 'is not the one of the block';
    });
    if (header === undefined) return problems;
    const known: Header = header;
    attempt('body', () => bodyFault(decode(blockBodyCodec, audited.body, MAX_ENCODED_BODY_BYTES), known));
    attempt('finality', () => checkFinality(known, audited.blockHash));
    let statement: ResultStatement | undefined;
    attempt('statement', () => {
      statement = decode(resultStatementCodec, audited.statement, audited.statement.length);
      return statementProblem(statement, audited, genesis, epochs, known);
    });
    for (const [index, { receipt, outputs }] of audited.receipts.entries()) {
      attempt(`receipt ${index}`, () => outputsProblem(receipt, outputs));
    }
    attempt('result certificate', () => {
      if (audited.resultCertificate === undefined || statement === undefined) return undefined;
      const certificate = decode(resultCertificateCodec, audited.resultCertificate, MAX_RESULT_CERTIFICATE_BYTES);
      if (resultStatementHash(certificate.statement) !== resultStatementHash(statement))
        return 'certifies another statement';
      const signers = epochs[certificate.signerEpoch - 1];
      if (signers === undefined) return 'is signed in an epoch that is not proven';
      return resultCertificateFault(certificate, validatorSetOf(signers.configuration));
    });
    return problems;
  };
};

const statementProblem = (
  statement: ResultStatement,
  audited: AuditedHeight,
  genesis: Genesis,
  epochs: readonly EpochAnchor[],
  header: Header,
): string | undefined => {
  const same =
    statement.chainId === chainIdOf(genesis) &&
    statement.epoch === header.epoch &&
    statement.height === audited.height &&
    statement.blockHash === audited.blockHash &&
    statement.timeMs === header.timeMs;
  if (!same) return 'is about another block';
  if (statement.measurement !== genesis.measurement || statement.platform !== genesis.platform)
    return 'names another measurement or platform';
  if (statement.receiptsRoot !== merkleRoot(audited.receipts.map(({ receipt }) => receipt)))
    return 'does not fit the receipts';
  if (statement.writeSetHash !== writeSetHash(audited.writeSet)) return 'does not fit the write set';
  const message = resultStatementBytes(statement);
  const enclaveKeys = new Set(
    epochs.flatMap(({ configuration }) => configuration.validators.map(({ enclaveKey }) => enclaveKey)),
  );
  const signed = [...enclaveKeys].some((key) => ed25519Verify(audited.enclaveSignature, message, fromHex(key)));
  return signed ? undefined : 'is signed by no enclave of the network';
};

const outputsProblem = (encoded: Uint8Array, outputs: readonly Uint8Array[]): string | undefined => {
  const { outputs: commitments } = decode(receiptCodec, encoded, encoded.length);
  const fits =
    commitments.length === outputs.length &&
    outputs.every((output, index) => outputCommitment(output as SealedBytes) === commitments[index]);
  return fits ? undefined : 'does not commit to the stored outputs';
};
