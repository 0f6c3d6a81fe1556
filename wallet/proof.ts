/**
 * Proof of results: certificates are checked once per block, receipts by their Merkle path, outputs by their
 * commitments. What passes here was executed by the network, whoever delivered it.
 */
import type { BlockProof, CommittedResult } from '../protocol/api.ts';
import type { Hash, SealedBytes } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import { fromHex } from '../protocol/hex.ts';
import { fromBase64 } from '../protocol/json-shape.ts';
import { MAX_BLOCK_TRANSACTIONS } from '../protocol/limits.ts';
import { verifyMerklePath } from '../protocol/merkle.ts';
import { MAX_RECEIPT_BYTES, type Receipt, type ReceiptFile, receiptCodec, receiptFileOf } from '../protocol/receipt.ts';
import {
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultStatement,
  resultCertificateCodec,
  resultCertificateFault,
} from '../protocol/result.ts';
import { outputCommitment } from '../protocol/sealed-output.ts';
import { walletErrors } from './errors.ts';
import type { VerifiedNetwork } from './verify-network.ts';

/** A block whose result certificate was checked. */
export interface ProvenBlock {
  readonly statement: ResultStatement;
  readonly certificate: Uint8Array;
  readonly count: number;
}

/** An executed transaction whose proof was checked. */
export interface ProvenTransaction {
  readonly receipt: Receipt;
  readonly block: ProvenBlock;
  /** Sealed outputs that the receipt commits to, the caller's first. */
  readonly outputs: readonly SealedBytes[];
  /** The receipt file, for others to verify offline. */
  readonly receiptFile: () => ReceiptFile;
}

/** Blocks remembered as checked: calls in flight span a few blocks, queries compare with recent ones. */
const REMEMBERED_BLOCKS = 128;

const refused = (rule: string, cause?: unknown): never => {
  throw walletErrors.error('RECEIPT_REFUSED', { rule }, cause);
};

/** Checks proofs of one network. */
export class ProofChecker {
  readonly #network: VerifiedNetwork;
  /** By certificate text; insertion order is age. */
  readonly #proven = new Map<string, ProvenBlock>();
  #height = 0;

  constructor(network: VerifiedNetwork) {
    this.#network = network;
  }

  /** Greatest height that a checked certificate proved. */
  get height(): number {
    return this.#height;
  }

  /** State root of a height, if a remembered certificate names it. */
  stateRootAt(height: number): string | undefined {
    for (const { statement } of this.#proven.values()) if (statement.height === height) return statement.stateRoot;
    return undefined;
  }

  /** Checks a block's certificate, once. Throws RECEIPT_REFUSED. */
  block(proof: BlockProof): ProvenBlock {
    const known = this.#proven.get(proof.certificate);
    const block = known ?? this.#check(proof);
    if (block.count !== proof.count || block.statement.height !== proof.height)
      return refused('height or count differ from the certificate');
    if (known === undefined) this.#remember(proof.certificate, block);
    return block;
  }

  /** Checks a transaction's receipt and outputs under a checked block. Throws RECEIPT_REFUSED. */
  transaction(result: CommittedResult, block: ProvenBlock, transactionId: string): ProvenTransaction {
    const { statement } = block;
    if (result.height !== statement.height) return refused('another height');
    const leaf = fromBase64(result.receipt);
    const path = result.path.map((sibling: Hash) => fromHex(sibling));
    if (!verifyMerklePath(statement.receiptsRoot, leaf, result.index, block.count, path))
      return refused('not in the block');
    const receipt = this.#receipt(leaf);
    if (receipt.transactionId !== transactionId || receipt.index !== result.index)
      return refused('receipt of another transaction');
    const outputs = result.outputs.map((output) => fromBase64(output) as SealedBytes);
    const committed =
      outputs.length === receipt.outputs.length &&
      outputs.every((output, i) => outputCommitment(output) === receipt.outputs[i]);
    if (!committed) return refused('outputs differ from the receipt');
    const parts = { receipt: leaf, index: result.index, count: block.count, path, certificate: block.certificate };
    return { receipt, block, outputs, receiptFile: () => receiptFileOf(this.#network.genesis, parts) };
  }

  #receipt(leaf: Uint8Array): Receipt {
    try {
      return decode(receiptCodec, leaf, MAX_RECEIPT_BYTES);
    } catch (cause) {
      return refused('malformed receipt', cause);
    }
  }

  #check(proof: BlockProof): ProvenBlock {
    const { chainId, genesis, validators } = this.#network;
    if (proof.count > MAX_BLOCK_TRANSACTIONS) return refused('too many receipts');
    const bytes = fromBase64(proof.certificate);
    let certificate: ReturnType<typeof resultCertificateCodec.fromWire>;
    try {
      certificate = decode(resultCertificateCodec, bytes, MAX_RESULT_CERTIFICATE_BYTES);
    } catch (cause) {
      return refused('malformed certificate', cause);
    }
    const { statement } = certificate;
    if (statement.chainId !== chainId) return refused('another chain');
    if (statement.measurement !== genesis.measurement || statement.platform !== genesis.platform)
      return refused('another measurement');
    const fault = resultCertificateFault(certificate, validators);
    return fault === undefined ? { statement, certificate: bytes, count: proof.count } : refused(fault);
  }

  #remember(key: string, block: ProvenBlock): void {
    this.#proven.set(key, block);
    this.#height = Math.max(this.#height, block.statement.height);
    for (const oldest of this.#proven.keys()) {
      if (this.#proven.size <= REMEMBERED_BLOCKS) break;
      this.#proven.delete(oldest);
    }
  }
}
