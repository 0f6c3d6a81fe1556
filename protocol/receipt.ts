/**
 * Receipts and receipt files: proof that a call was executed, checked offline with only the chain id.
 *
 * A receipt is public: it names the transaction, whether it succeeded, the gas, commitments to sealed outputs and what
 * the contract chose to disclose. The file adds the Merkle path to the receipts root, the result certificate, the genesis
 * whose hash is the chain id, and the proofs of every change of validators between the genesis and the signers.
 */
import { canonicalJson } from './canonical-json.ts';
import type { ChainId, Hash, TransactionId } from './brand.ts';
import { bool, decode, encode, type Infer, list, struct, text, u32, u64 } from './codec.ts';
import { governanceOf } from './consensus/admission.ts';
import { genesisAnchor, validatorSetOf } from './consensus/configuration.ts';
import { type EpochProof, epochProofCodec, MAX_EPOCH_PROOF_BYTES, walkEpochs } from './consensus/epoch-proof.ts';
import { chainIdOf, type Genesis, genesisFromJson } from './genesis.ts';
import { fromHex, toHex } from './hex.ts';
import { MAX_BLOCK_TRANSACTIONS, MAX_CLAIMS_BYTES, MAX_OUTPUTS, MAX_PATH_LENGTH } from './limits.ts';
import { verifyMerklePath } from './merkle.ts';
import {
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultCertificateFault,
  type ResultStatement,
  resultCertificateCodec,
  resultCertificateFault,
} from './result.ts';
import { hashCodec, transactionIdCodec } from './scalars.ts';

/** The public part of one executed call: a leaf under the receipts root. */
export const receiptCodec = struct({
  transactionId: transactionIdCodec,
  /** Position in the block. */
  index: u32,
  /** Whether the call took effect; the reason for a refusal is in the sealed result alone. */
  succeeded: bool,
  gasUsed: u64,
  /** Commitments to the sealed outputs: the caller's first. */
  outputs: list(hashCodec, MAX_OUTPUTS + 1),
  /** What the contract disclosed, as JSON text; empty when nothing. */
  claims: text(MAX_CLAIMS_BYTES),
});

/** The public part of one executed call. */
export type Receipt = Infer<typeof receiptCodec>;

/** Largest encoded receipt. */
export const MAX_RECEIPT_BYTES = MAX_CLAIMS_BYTES + (MAX_OUTPUTS + 1) * 34 + 128;

/** The leaf bytes of a receipt. */
export const encodeReceipt = (receipt: Receipt): Uint8Array => encode(receiptCodec, receipt);

/** Format name and version of receipt files. */
export const RECEIPT_FORMAT = 'cloister-receipt/2';

/** A receipt file, as JSON: binary parts are hexadecimal digits. */
export interface ReceiptFile {
  readonly format: typeof RECEIPT_FORMAT;
  /** Says in words which platform executed the call; not part of the proof. */
  readonly notice: string;
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  /** Encoded proofs of the changes of epoch from the genesis to the signers' epoch; empty in the first one. */
  readonly epochs: readonly string[];
  /** Encoded receipt. */
  readonly receipt: string;
  /** Position and number of receipts in the block. */
  readonly index: number;
  readonly count: number;
  /** Sibling hashes from leaf to top. */
  readonly path: readonly string[];
  /** Encoded result certificate. */
  readonly certificate: string;
}

/** Sentence that stands on every receipt, status and page of a simulated platform. */
export const platformNotice = (platform: string): string =>
  platform === 'sim'
    ? 'SIMULATED ENCLAVE PLATFORM: no hardware protects confidentiality. For testing only.'
    : `Enclave platform: ${platform}.`;

/** Puts a receipt file together from its encoded parts. */
export const receiptFileOf = (
  genesis: Genesis,
  parts: {
    readonly epochs: readonly Uint8Array[];
    readonly receipt: Uint8Array;
    readonly index: number;
    readonly count: number;
    readonly path: readonly Uint8Array[];
    readonly certificate: Uint8Array;
  },
): ReceiptFile => ({
  format: RECEIPT_FORMAT,
  notice: platformNotice(genesis.platform),
  chainId: chainIdOf(genesis),
  genesis,
  epochs: parts.epochs.map(toHex),
  receipt: toHex(parts.receipt),
  index: parts.index,
  count: parts.count,
  path: parts.path.map(toHex),
  certificate: toHex(parts.certificate),
});

/** Why a receipt file proves nothing. */
export type ReceiptFault =
  | 'RECEIPT_MALFORMED'
  | 'RECEIPT_OTHER_CHAIN'
  | 'RECEIPT_NOT_IN_BLOCK'
  | 'RECEIPT_OTHER_MEASUREMENT'
  | 'RECEIPT_EPOCHS_UNPROVEN'
  | `RECEIPT_${ResultCertificateFault}`;

/** Outcome of checking a receipt file. */
export type ReceiptVerdict =
  | {
      readonly verdict: 'valid';
      readonly receipt: Receipt;
      readonly statement: ResultStatement;
      readonly simulated: boolean;
    }
  | { readonly verdict: 'invalid'; readonly code: ReceiptFault };

const invalid = (code: ReceiptFault): ReceiptVerdict => ({ verdict: 'invalid', code });

const pathCodec = list(hashCodec, MAX_PATH_LENGTH);

/** Reads a file back into its parts; undefined unless it is exactly what `receiptFileOf` makes of those parts. */
const parseReceiptFile = (file: unknown) => {
  try {
    const { genesis: genesisJson, ...fields } = file as ReceiptFile;
    const genesis = genesisFromJson(genesisJson);
    const path = pathCodec.fromWire(pathCodec.toWire(fields.path as readonly Hash[]), 'path').map(fromHex);
    const leaf = fromHex(fields.receipt);
    const certificate = fromHex(fields.certificate);
    const epochs = fields.epochs.map(fromHex);
    const { index, count } = fields;
    const rebuilt = receiptFileOf(genesis, { epochs, receipt: leaf, index, count, path, certificate });
    if (!Number.isSafeInteger(count) || count > MAX_BLOCK_TRANSACTIONS) return undefined;
    if (canonicalJson(rebuilt) !== canonicalJson(file)) return undefined;
    return {
      genesis,
      epochs: epochs.map((proof) => decode(epochProofCodec, proof, MAX_EPOCH_PROOF_BYTES)),
      leaf,
      index,
      count,
      path,
      receipt: decode(receiptCodec, leaf, MAX_RECEIPT_BYTES),
      certificate: decode(resultCertificateCodec, certificate, MAX_RESULT_CERTIFICATE_BYTES),
    };
  } catch {
    return undefined;
  }
};

/** The validators of the signers' epoch, by proofs from the genesis; undefined when they do not lead there. */
const signersIn = (genesis: Genesis, epochs: readonly EpochProof[], signerEpoch: number) => {
  const first = genesisAnchor(genesis);
  const walk = walkEpochs(first, governanceOf(genesis), epochs);
  const anchor = walk.verdict === 'valid' ? walk.anchors.at(-1) : undefined;
  return anchor?.epoch === signerEpoch ? validatorSetOf(anchor.configuration) : undefined;
};

/**
 * Checks a parsed receipt file against the chain id that the verifier already trusts, without network or storage.
 * Total: any input gives a verdict. Valid means that at least n − f validators of one epoch of that chain, and their
 * enclaves, signed the execution result of a final block that holds exactly this receipt.
 */
export const verifyReceipt = (file: unknown, chainId: ChainId, transactionId?: TransactionId): ReceiptVerdict => {
  const proof = parseReceiptFile(file);
  if (proof === undefined) return invalid('RECEIPT_MALFORMED');
  const { genesis, receipt, certificate } = proof;
  const { statement } = certificate;
  if (chainIdOf(genesis) !== chainId || statement.chainId !== chainId) return invalid('RECEIPT_OTHER_CHAIN');
  if (statement.measurement !== genesis.measurement || statement.platform !== genesis.platform) {
    return invalid('RECEIPT_OTHER_MEASUREMENT');
  }
  if (receipt.index !== proof.index || (transactionId !== undefined && receipt.transactionId !== transactionId)) {
    return invalid('RECEIPT_NOT_IN_BLOCK');
  }
  if (!verifyMerklePath(statement.receiptsRoot, proof.leaf, proof.index, proof.count, proof.path)) {
    return invalid('RECEIPT_NOT_IN_BLOCK');
  }
  const signers = signersIn(genesis, proof.epochs, certificate.signerEpoch);
  if (signers === undefined) return invalid('RECEIPT_EPOCHS_UNPROVEN');
  const fault = resultCertificateFault(certificate, signers);
  if (fault !== undefined) return invalid(`RECEIPT_${fault}`);
  return { verdict: 'valid', receipt, statement, simulated: statement.platform === 'sim' };
};
