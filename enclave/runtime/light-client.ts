/**
 * The light client inside the enclave: which block may be executed next.
 *
 * Invariants: the position moves only forward, one height at a time, from genesis, along blocks whose finality was
 * proved to this very process; it enters an epoch only on that epoch's proven base; a refusal changes nothing; a proof
 * of a second block at a proven height poisons the enclave for good.
 */
import type { TransactionId } from '../../protocol/brand.ts';
import { type BlockBody, summarize } from '../../protocol/consensus/body.ts';
import { type Certificate, certificateFault } from '../../protocol/consensus/certificate.ts';
import type { ChainPoint, Configuration, EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import { conflict, type FinalityFault, verifyEd25519, verifyFinality } from '../../protocol/finality.ts';
import type { Parameters } from '../../protocol/genesis.ts';
import { transactionId } from '../../protocol/transaction-id.ts';
import { enclaveErrors, type EnclaveErrorCode } from '../boundary/errors.ts';
import type { EpochDirectory } from './epoch-directory.ts';

/** A block with what proves that it is final: `headers[0]` is its own, the rest lead to the finalised one. */
export interface FinalBlock {
  readonly headers: readonly Header[];
  readonly finalization: Certificate;
  readonly body: BlockBody;
}

/** What a check proved: the block's place in the chain, its configuration and its transactions, in order. */
export interface CheckedBlock {
  readonly placed: PlacedHeader;
  readonly configuration: Configuration;
  readonly point: ChainPoint;
  readonly transactionIds: readonly TransactionId[];
}

/** A header that claims to be next, with the epoch that it belongs to. */
export interface PlacedHeader {
  readonly header: Header;
  readonly anchor: EpochAnchor;
}

/** The last block of a chain, and its epoch. */
interface Place {
  readonly anchor: EpochAnchor;
  readonly position: ChainPoint;
}

const pointOf = (header: Header): ChainPoint => ({
  id: blockId(header),
  height: header.height,
  view: header.view,
  timeMs: header.timeMs,
});

function codeOf(fault: FinalityFault): EnclaveErrorCode {
  if (fault === 'WRONG_CHAIN' || fault === 'WRONG_CONFIGURATION' || fault === 'WRONG_EPOCH') return 'WRONG_CHAIN';
  if (fault === 'WRONG_HEIGHT' || fault === 'WRONG_PARENT' || fault === 'WRONG_VIEW' || fault === 'WRONG_TIME')
    return 'WRONG_ORDER';
  if (fault === 'NO_HEADERS' || fault === 'WRONG_VERSION' || fault === 'WRONG_KIND') return 'BLOCK_MALFORMED';
  return fault === 'TOO_MANY_HEADERS' || fault === 'TOO_LARGE' ? 'BLOCK_TOO_LARGE' : 'NOT_FINAL';
}

/** Follows the chain that the certificates prove. */
export class LightClient {
  readonly #epochs: EpochDirectory;
  /** Epoch of the last executed block. */
  #anchor: EpochAnchor;
  #position: ChainPoint;
  /** Blocks above the position whose finality is proven already, by height. */
  readonly #proven = new Map<number, ChainPoint>();

  constructor(epochs: EpochDirectory, genesis: EpochAnchor) {
    this.#epochs = epochs;
    this.#anchor = genesis;
    this.#position = genesis.base;
  }

  /** The last executed block, or the genesis. */
  get position(): ChainPoint {
    return this.#position;
  }

  /** Checks that the block is final and next. Throws the refusal; changes nothing but the memory of what is proven. */
  check({ headers, finalization, body }: FinalBlock): CheckedBlock {
    this.#checkFork(headers[0], finalization);
    const placed = this.#placeAfter({ anchor: this.#anchor, position: this.#position }, headers[0]);
    const point = this.#prove(placed, headers, finalization);
    const { configuration } = placed.anchor;
    return { placed, configuration, point, transactionIds: checkBody(placed.header, body, configuration.parameters) };
  }

  /** Checks that headers follow one another, the first one the last executed block; none of them is proven by this. */
  checkChain(headers: readonly Header[]): readonly PlacedHeader[] {
    let before: Place = { anchor: this.#anchor, position: this.#position };
    return headers.map((header) => {
      const placed = this.#placeAfter(before, header);
      before = { anchor: placed.anchor, position: pointOf(header) };
      return placed;
    });
  }

  /** Checks chain, epoch, height and parent of a header that claims to be next. */
  #placeAfter({ anchor, position }: Place, header: Header | undefined): PlacedHeader {
    if (header === undefined) throw enclaveErrors.error('BLOCK_MALFORMED');
    const { height } = position;
    if (header.chainId !== anchor.chainId) throw enclaveErrors.error('WRONG_CHAIN');
    if (header.height <= height) throw enclaveErrors.error('BLOCK_REPLAYED', { height: header.height });
    if (header.height > height + 1)
      throw enclaveErrors.error('HEIGHT_SKIPPED', { height: header.height, executed: height });
    if (header.parentHash !== position.id) throw enclaveErrors.error('WRONG_ORDER', { height: header.height });
    return { header, anchor: this.#anchorFor(header, { anchor, position }) };
  }

  /** Moves along blocks that were checked and executed (or restored). */
  advance(blocks: readonly PlacedHeader[]): void {
    for (const { header, anchor } of blocks) {
      if (header.height !== this.#position.height + 1)
        throw enclaveErrors.error('FAIL_STOP', { height: header.height });
      this.#proven.delete(header.height);
      this.#anchor = anchor;
      this.#position = pointOf(header);
    }
  }

  /** The epoch of the next block: the present one, or the one whose base is the last block. */
  #anchorFor(header: Header, { anchor, position }: Place): EpochAnchor {
    const next = this.#epochs.at(anchor.epoch + 1);
    const ended = next?.base.id === position.id;
    if (next !== undefined && ended && header.epoch === next.epoch) return next;
    if (header.epoch === anchor.epoch && !ended) return anchor;
    throw enclaveErrors.error(header.epoch > anchor.epoch ? 'EPOCH_UNPROVEN' : 'WRONG_CHAIN', {
      epoch: header.epoch,
    });
  }

  #prove({ header, anchor }: PlacedHeader, headers: readonly Header[], finalization: Certificate): ChainPoint {
    const known = this.#proven.get(header.height);
    if (known !== undefined && known.id === blockId(header)) return known;
    const previous = anchor === this.#anchor ? this.#position : anchor.base;
    const verdict = verifyFinality(anchor, previous, headers, finalization);
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
    const anchor = this.#epochs.at(header.epoch);
    if (id === this.#position.id || finalization.hash !== id || anchor === undefined) return;
    if (certificateFault(finalization, anchor, verifyEd25519) === undefined) {
      throw enclaveErrors.error('CHAIN_CONFLICT', { height: header.height });
    }
  }
}

function checkBody(header: Header, body: BlockBody, bounds: Parameters): readonly TransactionId[] {
  if (header.txCount > bounds.maxBlockTransactions || header.bodyBytes > bounds.maxBodyBytes)
    throw enclaveErrors.error('BLOCK_TOO_LARGE');
  const ids = body.map(transactionId);
  const summary = summarize(body, ids);
  const same =
    summary.txRoot === header.txRoot && summary.txCount === header.txCount && summary.bodyBytes === header.bodyBytes;
  if (!same || new Set(ids).size !== ids.length) throw enclaveErrors.error('BODY_CHANGED');
  return ids;
}
