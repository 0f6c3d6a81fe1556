/**
 * Proof of results: certificates are checked once per block, receipts by their Merkle path, outputs by their
 * commitments. What passes here was executed by the network, whoever delivered it.
 */
import type { BlockProof, CommittedResult } from '../protocol/api.ts';
import type { Hash, SealedBytes } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import type { ValidatorSet } from '../protocol/consensus/configuration.ts';
import { fromHex } from '../protocol/hex.ts';
import { fromBase64 } from '../protocol/json-shape.ts';
import { MAX_BLOCK_TRANSACTIONS } from '../protocol/limits.ts';
import { verifyMerklePath } from '../protocol/merkle.ts';
import { MAX_RECEIPT_BYTES, type Receipt, type ReceiptFile, receiptCodec, receiptFileOf } from '../protocol/receipt.ts';
import {
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultCertificate,
  type ResultStatement,
  resultCertificateCodec,
  resultCertificateFault,
  resultStatementHash,
} from '../protocol/result.ts';
import { outputCommitment } from '../protocol/sealed-output.ts';
import { walletErrors } from './errors.ts';
import type { NodeClient } from './transport.ts';
import type { VerifiedNetwork } from './verify-network.ts';

/** A checked result certificate. */
interface ProvenStatement {
  readonly statement: ResultStatement;
  readonly certificate: Uint8Array;
  /** Epoch whose validators signed. */
  readonly signerEpoch: number;
}

/** A block whose result certificate was checked. */
export interface ProvenBlock extends ProvenStatement {
  /** Number of receipts as the node claims it; a path proves it together with its receipt. */
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

/**
 * Certificates that some connection of this process checked, by chain and text, so that several connections to one
 * network check each once. The chain id is the hash of the genesis and so fixes measurement, platform and, with proofs,
 * the validators of every epoch.
 */
const genuine = new Map<string, ProvenStatement>();

const forgetOldest = (memory: Map<string, unknown>): void => {
  for (const oldest of memory.keys()) {
    if (memory.size <= REMEMBERED_BLOCKS) return;
    memory.delete(oldest);
  }
};

const refused = (rule: string, cause?: unknown): never => {
  throw walletErrors.error('RECEIPT_REFUSED', { rule }, cause);
};

/** Checks proofs of one network. */
export class ProofChecker {
  readonly #network: VerifiedNetwork;
  readonly #client: NodeClient;
  /** By certificate text; insertion order is age. */
  readonly #proven = new Map<string, ProvenStatement>();
  #height = 0;

  constructor(network: VerifiedNetwork, client: NodeClient) {
    this.#network = network;
    this.#client = client;
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

  /** Checks a block's certificate, once; follows the epochs to its signers. Throws RECEIPT_REFUSED, NETWORK_FORKED. */
  async block(proof: BlockProof): Promise<ProvenBlock> {
    if (proof.count > MAX_BLOCK_TRANSACTIONS) return refused('too many receipts');
    this.#network.epochs.assertWhole();
    const known = this.#proven.get(proof.certificate);
    const { statement, certificate, signerEpoch } = known ?? (await this.#check(proof.certificate));
    if (statement.height !== proof.height) return refused('height differs from the certificate');
    if (known === undefined) this.#remember(proof.certificate, { statement, certificate, signerEpoch });
    return { statement, certificate, signerEpoch, count: proof.count };
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
    const { certificate, count, signerEpoch } = block;
    const epochs = this.#network.epochs.proofsTo(signerEpoch);
    const parts = { epochs, receipt: leaf, index: result.index, count, path, certificate };
    return { receipt, block, outputs, receiptFile: () => receiptFileOf(this.#network.genesis, parts) };
  }

  #receipt(leaf: Uint8Array): Receipt {
    try {
      return decode(receiptCodec, leaf, MAX_RECEIPT_BYTES);
    } catch (cause) {
      return refused('malformed receipt', cause);
    }
  }

  async #check(text: string): Promise<ProvenStatement> {
    const { chainId, genesis } = this.#network;
    const key = `${chainId} ${text}`;
    const known = genuine.get(key);
    if (known !== undefined) {
      // Another connection checked it; the receipt file needs the proofs of this one all the same.
      if (this.#network.epochs.validators(known.signerEpoch) === undefined) await this.#follow(known.signerEpoch);
      return known;
    }
    const bytes = fromBase64(text);
    let certificate: ResultCertificate;
    try {
      certificate = decode(resultCertificateCodec, bytes, MAX_RESULT_CERTIFICATE_BYTES);
    } catch (cause) {
      return refused('malformed certificate', cause);
    }
    const { statement } = certificate;
    if (statement.chainId !== chainId) return refused('another chain');
    if (statement.measurement !== genesis.measurement || statement.platform !== genesis.platform)
      return refused('another measurement');
    const { signerEpoch } = certificate;
    // Without a pause where the epoch is known: all transactions of a block ask at once, and the first has the answer.
    const signers = this.#network.epochs.validators(signerEpoch) ?? (await this.#follow(signerEpoch));
    const fault = resultCertificateFault(certificate, signers);
    if (fault !== undefined) return refused(fault);
    const proven = { statement, certificate: bytes, signerEpoch };
    genuine.set(key, proven);
    forgetOldest(genuine);
    return proven;
  }

  /** The validators of an epoch that began since this wallet connected. */
  async #follow(epoch: number): Promise<ValidatorSet> {
    const { epochs } = this.#network;
    await epochs.follow(this.#client);
    return epochs.validators(epoch) ?? refused('signers of an epoch that is not proven');
  }

  /** Keeps a proven statement. Throws NETWORK_FORKED, now and ever after, when it contradicts another one. */
  #remember(key: string, proven: ProvenStatement): void {
    // All transactions of a block ask at once: the first one's answer is remembered when the others come here.
    if (this.#proven.has(key)) return;
    const { height } = proven.statement;
    for (const { statement } of this.#proven.values())
      if (statement.height === height && resultStatementHash(statement) !== resultStatementHash(proven.statement))
        this.#network.epochs.stop({ height });
    this.#proven.set(key, proven);
    this.#height = Math.max(this.#height, proven.statement.height);
    forgetOldest(this.#proven);
  }
}
