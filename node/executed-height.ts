/**
 * An executed height as it travels between nodes: result certificate, sealed write set, receipts and sealed outputs. Like
 * everything a node stores it is public or sealed; the certificate binds every byte of it to the final block.
 */
import type { SealedBytes } from '../protocol/brand.ts';
import { byteString, decode, encode, type Infer, list, struct } from '../protocol/codec.ts';
import { blockId, type Header } from '../protocol/consensus/header.ts';
import type { ValidatorSet } from '../protocol/consensus/configuration.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { MAX_BLOCK_TRANSACTIONS, MAX_WRITE_SET_BYTES } from '../protocol/limits.ts';
import { merkleRoot } from '../protocol/merkle.ts';
import { receiptCodec } from '../protocol/receipt.ts';
import {
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultCertificate,
  resultCertificateCodec,
  resultCertificateFault,
  writeSetHash,
} from '../protocol/result.ts';
import { outputCommitment } from '../protocol/sealed-output.ts';
import { type ExecutedCall, executedCallCodec } from '../enclave/boundary/messages.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { height as asHeight } from '../protocol/brand.ts';

/** An executed height on the wire. */
const executedHeightCodec = struct({
  certificate: byteString(MAX_RESULT_CERTIFICATE_BYTES),
  writeSet: byteString(MAX_WRITE_SET_BYTES),
  calls: list(executedCallCodec, MAX_BLOCK_TRANSACTIONS),
});

/** Largest encoded executed height: write set, the outputs of a full block, receipts. */
export const MAX_EXECUTED_HEIGHT_BYTES = 128 * 1024 * 1024;

/** An executed height whose certificate was decoded. */
export interface ExecutedHeight {
  readonly certificate: ResultCertificate;
  readonly writeSet: Uint8Array;
  readonly calls: readonly ExecutedCall[];
}

/** Encodes what the ledger holds of a height; undefined while it is not executed or not certified here. */
export const encodeExecutedHeight = (ledger: Ledger, number: number): Uint8Array | undefined => {
  const height = asHeight(number);
  const certificate = ledger.readResultCertificate(height);
  const writeSet = ledger.readWriteSet(height);
  const calls = ledger.readCalls(height);
  if (certificate === undefined || writeSet === undefined || calls === undefined) return undefined;
  return encode(executedHeightCodec, { certificate, writeSet, calls });
};

/** Decodes a foreign executed height; undefined when it is malformed. */
export const decodeExecutedHeight = (foreign: Uint8Array): ExecutedHeight | undefined => {
  try {
    const { certificate, writeSet, calls }: Infer<typeof executedHeightCodec> = decode(
      executedHeightCodec,
      foreign,
      MAX_EXECUTED_HEIGHT_BYTES,
    );
    return {
      certificate: decode(resultCertificateCodec, certificate, MAX_RESULT_CERTIFICATE_BYTES),
      writeSet,
      calls,
    };
  } catch {
    return undefined;
  }
};

/** The first rule that an executed height breaks as the result of a final block; undefined when it is that result. */
export const executedHeightFault = (
  { certificate, writeSet, calls }: ExecutedHeight,
  header: Header,
  genesis: Pick<Genesis, 'measurement' | 'platform'>,
  signers: ValidatorSet | undefined,
): string | undefined => {
  const { statement } = certificate;
  const names =
    statement.chainId === header.chainId &&
    statement.epoch === header.epoch &&
    statement.height === header.height &&
    statement.blockHash === blockId(header) &&
    statement.timeMs === header.timeMs;
  if (!names) return 'is about another block';
  if (statement.measurement !== genesis.measurement || statement.platform !== genesis.platform)
    return 'names another measurement or platform';
  if (signers === undefined) return 'is signed in an epoch that is not known';
  const fault = resultCertificateFault(certificate, signers);
  if (fault !== undefined) return fault;
  if (writeSetHash(writeSet) !== statement.writeSetHash) return 'does not fit the write set';
  if (merkleRoot(calls.map(({ receipt }) => receipt)) !== statement.receiptsRoot) return 'does not fit the receipts';
  return calls.every(callHolds) ? undefined : 'does not fit the outputs';
};

const callHolds = ({ transactionId, receipt: encoded, outputs }: ExecutedCall, position: number): boolean => {
  const receipt = decode(receiptCodec, encoded, encoded.length);
  return (
    receipt.transactionId === transactionId &&
    receipt.index === position &&
    receipt.outputs.length === outputs.length &&
    outputs.every((output, index) => outputCommitment(output as SealedBytes) === receipt.outputs[index])
  );
};
