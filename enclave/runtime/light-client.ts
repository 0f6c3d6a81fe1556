/**
 * The light client inside the enclave: which block may be executed next.
 *
 * Invariants: the position moves only forward, one height at a time, from genesis, along blocks whose finality was
 * proved to this very process; a refusal changes nothing; a proof of a second block at a proven height poisons the
 * enclave for good.
 */
import type { ChainPoint, EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { TransactionId } from '../../protocol/brand.ts';
import { type Certificate, certificateFault } from '../../protocol/consensus/certificate.ts';
import { type BlockBody, summarize } from '../../protocol/consensus/body.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import { conflict, type FinalityFault, verifyEd25519, verifyFinality } from '../../protocol/finality.ts';
import { transactionId } from '../../protocol/transaction-id.ts';
import { enclaveErrors, type EnclaveErrorCode } from '../boundary/errors.ts';

/** A block with what proves that it is final: `headers[0]` is its own, the rest lead to the finalised one. */
export interface FinalBlock {
  readonly headers: readonly Header[];
  readonly finalization: Certificate;
  readonly body: BlockBody;
}

/** What a check proved: the block's place in the chain and its transactions, in order. */
export interface CheckedBlock {
  readonly point: ChainPoint;
  readonly transactionIds: readonly TransactionId[];
}

/** Bounds of a body, from the genesis. */
export interface BodyBounds {
  readonly maxBodyBytes: number;
  readonly maxBlockTransactions: number;
}

function codeOf(fault: FinalityFault): EnclaveErrorCode {
  if (fault === 'WRONG_CHAIN' || fault === 'WRONG_CONFIGURATION' || fault === 'WRONG_EPOCH') return 'WRONG_CHAIN';
  if (fault === 'WRONG_HEIGHT' || fault === 'WRONG_PARENT' || fault === 'WRONG_VIEW' || fault === 'WRONG_TIME')
    return 'WRONG_ORDER';
  if (fault === 'NO_HEADERS' || fault === 'WRONG_VERSION' || fault === 'WRONG_KIND') return 'BLOCK_MALFORMED';
  return fault === 'TOO_MANY_HEADERS' ? 'BLOCK_TOO_LARGE' : 'NOT_FINAL';
}

/** Follows the chain that the certificates prove. */
export class LightClient {
  readonly #anchor: EpochAnchor;
  readonly #bounds: BodyBounds;
  #position: ChainPoint;
  /** Blocks above the position whose finality is proven already, by height. */
  readonly #proven = new Map<number, ChainPoint>();

  constructor(anchor: EpochAnchor, bounds: BodyBounds) {
    this.#anchor = anchor;
    this.#bounds = bounds;
    this.#position = anchor.base;
  }

  /** The last executed block, or the genesis. */
  get position(): ChainPoint {
    return this.#position;
  }

  /** Checks that the block is final and next. Throws the refusal; changes nothing but the memory of what is proven. */
  check({ headers, finalization, body }: FinalBlock): CheckedBlock {
    this.#checkFork(headers[0], finalization);
    const header = this.checkPlace(headers[0]);
    const point = this.#prove(header, headers, finalization);
    return { point, transactionIds: this.#checkBody(header, body) };
  }

  /** Checks chain, height and parent of a header that claims to be next. */
  checkPlace(header: Header | undefined): Header {
    if (header === undefined) throw enclaveErrors.error('BLOCK_MALFORMED');
    const { height } = this.#position;
    if (header.chainId !== this.#anchor.chainId) throw enclaveErrors.error('WRONG_CHAIN');
    if (header.height <= height) throw enclaveErrors.error('BLOCK_REPLAYED', { height: header.height });
    if (header.height > height + 1)
      throw enclaveErrors.error('HEIGHT_SKIPPED', { height: header.height, executed: height });
    if (header.parentHash !== this.#position.id) throw enclaveErrors.error('WRONG_ORDER', { height: header.height });
    return header;
  }

  /** Moves to a block that was checked and executed (or restored). */
  advance(point: ChainPoint): void {
    if (point.height !== this.#position.height + 1) throw enclaveErrors.error('FAIL_STOP', { height: point.height });
    this.#proven.delete(point.height);
    this.#position = point;
  }

  #prove(header: Header, headers: readonly Header[], finalization: Certificate): ChainPoint {
    const known = this.#proven.get(header.height);
    if (known !== undefined && known.id === blockId(header)) return known;
    const verdict = verifyFinality(this.#anchor, this.#position, headers, finalization);
    if (verdict.verdict === 'invalid') throw enclaveErrors.error(codeOf(verdict.code), { fault: verdict.code });
    for (const point of verdict.points) {
      const before = this.#proven.get(point.height);
      if (before !== undefined && conflict(before, point))
        throw enclaveErrors.error('CHAIN_CONFLICT', { height: point.height });
    }
    for (const point of verdict.points) this.#proven.set(point.height, point);
    return verdict.points[0] ?? this.#position;
  }

  /** A finalization of another block at the executed height is a fork, whatever its parent. */
  #checkFork(header: Header | undefined, finalization: Certificate): void {
    if (header?.height !== this.#position.height || finalization.kind !== 'finalize') return;
    const id = blockId(header);
    if (id === this.#position.id || finalization.hash !== id) return;
    if (certificateFault(finalization, this.#anchor, verifyEd25519) === undefined) {
      throw enclaveErrors.error('CHAIN_CONFLICT', { height: header.height });
    }
  }

  #checkBody(header: Header, body: BlockBody): readonly TransactionId[] {
    const { maxBodyBytes, maxBlockTransactions } = this.#bounds;
    if (header.txCount > maxBlockTransactions || header.bodyBytes > maxBodyBytes)
      throw enclaveErrors.error('BLOCK_TOO_LARGE');
    const ids = body.map(transactionId);
    const summary = summarize(body, ids);
    const same =
      summary.txRoot === header.txRoot && summary.txCount === header.txCount && summary.bodyBytes === header.bodyBytes;
    if (!same || new Set(ids).size !== ids.length) throw enclaveErrors.error('BODY_CHANGED');
    return ids;
  }
}
