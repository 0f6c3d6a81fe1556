/**
 * Final blocks on their way from agreement to execution: a few in memory, more in the ledger, so that memory stays bounded
 * however far execution is behind.
 */
import type { BlockHash } from '../protocol/brand.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { isClosing } from '../protocol/consensus/header.ts';
import type { ViewRange } from '../protocol/consensus/justification.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { BodyStore } from './body-store.ts';
import type { Delivery } from './consensus-driver.ts';
import { Signal } from './signal.ts';
import { blockRecords, type ProvenBlock, readProvenBlock, readStoredBlock, type StoredBlock } from './stored-blocks.ts';

/** Final blocks that may wait in memory; more go to the ledger first. */
const MAX_WAITING_IN_MEMORY = 32;

/** See the module comment. */
export class FinalBlocks {
  readonly #ledger: Ledger;
  readonly #bodies: BodyStore;
  readonly #onFatal: (error: unknown) => void;
  readonly #waiting = new Map<number, ProvenBlock>();
  readonly #arrived = new Signal();
  #finalHeight: number;
  /** Height up to which blocks are in the ledger or on their way there. */
  #storedTo: number;
  #storing: Promise<void> = Promise.resolve();

  constructor(ledger: Ledger, bodies: BodyStore, onFatal: (error: unknown) => void) {
    this.#ledger = ledger;
    this.#bodies = bodies;
    this.#onFatal = onFatal;
    this.#finalHeight = ledger.head().finalisedHeight;
    this.#storedTo = this.#finalHeight;
  }

  /** Newest final height that was delivered. */
  get finalHeight(): number {
    return this.#finalHeight;
  }

  /** Final blocks that wait in memory. */
  get backlog(): number {
    return this.#waiting.size;
  }

  /** A final block that waits in memory. */
  waiting(block: BlockHash): ProvenBlock | undefined {
    for (const candidate of this.#waiting.values()) if (candidate.id === block) return candidate;
    return undefined;
  }

  /** Nullifications of views that were skipped below blocks that wait in memory. */
  nullifications(epoch: number, { from, to }: ViewRange): Certificate[] {
    return [...this.#waiting.values()].flatMap(({ unattached }) =>
      unattached.filter((each) => each.epoch === epoch && each.view >= from && each.view <= to),
    );
  }

  /** Takes over final blocks from agreement, in height order. */
  deliver({ blocks, following: tailHeaders, tails, unattached, finalization }: Delivery): void {
    const executedHeight = this.#ledger.head().height;
    for (const [index, block] of blocks.entries()) {
      const { height } = block.header;
      this.#finalHeight = Math.max(this.#finalHeight, height);
      if (height <= executedHeight) continue;
      const resolved = this.#bodies.get(block.id, block.header);
      if (resolved === undefined) throw new TypeError('agreement delivered a block without body');
      const following = [...blocks.slice(index + 1).map(({ header }) => header), ...tailHeaders];
      const kept = isClosing(block.header) ? tails : [];
      const { view, parentView } = block.header;
      const skipped = unattached.filter((each) => each.view > parentView && (each.view < view || kept.length > 0));
      const proof = { following, finalization };
      this.#waiting.set(height, { ...block, body: resolved.body, tails: kept, proof, unattached: skipped });
    }
    for (const { id } of blocks) this.#bodies.forget(id);
    if (blocks.length > 1 || this.#waiting.size > MAX_WAITING_IN_MEMORY) this.#store();
    this.#arrived.fire();
  }

  /** The block of a height, if it is final here. */
  at(height: number): ProvenBlock | undefined {
    return this.#waiting.get(height) ?? readProvenBlock(this.#ledger, height);
  }

  /** Consecutive final blocks from a height on, at most `limit`. */
  from(height: number, limit: number): StoredBlock[] {
    const blocks: StoredBlock[] = [];
    while (blocks.length < limit) {
      const number = height + blocks.length;
      const next = this.#waiting.get(number) ?? readStoredBlock(this.#ledger, number);
      if (next === undefined) break;
      blocks.push(next);
    }
    return blocks;
  }

  /** Waits until something was delivered; rejects when the signal aborts first. */
  arrival(signal: AbortSignal): Promise<void> {
    return this.#arrived.next(signal);
  }

  /** A height is executed and durable. */
  done(height: number): void {
    this.#waiting.delete(height);
  }

  /** Waits for writes under way. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => undefined);
  }

  /**
   * Writes what waits, and is not on its way already, to the ledger; it stays readable here until it is there, and longer
   * while few wait. Blocks of one delivery, of which the last proves all, are in one batch, and no later batch is before it.
   */
  #store(): void {
    const moving = [...this.#waiting.values()].filter(({ header }) => header.height > this.#storedTo);
    const storedTo = this.#finalHeight;
    this.#storedTo = storedTo;
    if (moving.length === 0) return;
    this.#storing = this.#ledger.storeFinalised(...moving.map(blockRecords)).then(() => {
      if (this.#waiting.size <= MAX_WAITING_IN_MEMORY) return;
      for (const height of this.#waiting.keys()) if (height <= storedTo) this.done(height);
    });
    this.#storing.catch(this.#onFatal);
  }
}
