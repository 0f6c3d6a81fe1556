/**
 * The pool of sealed transactions that wait for a block.
 *
 * Bounded in bytes, in count and per source, so that no peer or client can crowd out the others; a refusal is always
 * told to whoever sent the transaction. Order is arrival order. Transactions leave when they are in a final block or
 * when their expiry height has passed.
 */
import type { TransactionId } from '../protocol/brand.ts';

/** A waiting transaction. */
export interface PooledTransaction {
  readonly id: TransactionId;
  readonly envelope: Uint8Array;
  readonly expiryHeight: number;
  /** Who sent it: `client` or the peer's name; quotas are per source. */
  readonly source: string;
}

/** Bounds of the pool. */
export interface MempoolLimits {
  readonly maxBytes: number;
  readonly maxTransactions: number;
  /** Largest share of either bound for one source, 0 to 1. */
  readonly share: number;
}

/** Outcome of offering a transaction; `final` means that a final block carries it already. */
export type PoolVerdict = 'added' | 'known' | 'final' | 'full';

/** How many ids of recently final transactions are remembered, so that late copies are not taken in again. */
const REMEMBERED_FINAL = 100_000;

/** See the module comment. */
export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #waiting = new Map<TransactionId, PooledTransaction>();
  readonly #usage = new Map<string, { bytes: number; count: number }>();
  readonly #final = new Set<TransactionId>();
  #bytes = 0;

  constructor(limits: MempoolLimits) {
    this.#limits = limits;
  }

  /** Number of waiting transactions. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Bytes of waiting transactions. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a further transaction of typical size would be refused. */
  get isFull(): boolean {
    return this.#waiting.size >= this.#limits.maxTransactions || this.#bytes >= this.#limits.maxBytes;
  }

  /** Offers a transaction; the pool takes the bytes as they are. */
  add(transaction: PooledTransaction): PoolVerdict {
    if (this.#waiting.has(transaction.id)) return 'known';
    if (this.#final.has(transaction.id)) return 'final';
    const size = transaction.envelope.length;
    const { maxBytes, maxTransactions, share } = this.#limits;
    const used = this.#usage.get(transaction.source) ?? { bytes: 0, count: 0 };
    const overall = this.#bytes + size > maxBytes || this.#waiting.size + 1 > maxTransactions;
    const own = used.bytes + size > maxBytes * share || used.count + 1 > maxTransactions * share;
    if (overall || own) return 'full';
    this.#waiting.set(transaction.id, transaction);
    this.#usage.set(transaction.source, { bytes: used.bytes + size, count: used.count + 1 });
    this.#bytes += size;
    return 'added';
  }

  /** The waiting transaction of an id. */
  get(id: TransactionId): PooledTransaction | undefined {
    return this.#waiting.get(id);
  }

  /** The oldest transactions that fit the bounds and are not excluded. */
  select(bounds: {
    readonly maxBytes: number;
    readonly maxTransactions: number;
    readonly exclude: ReadonlySet<TransactionId>;
  }): PooledTransaction[] {
    const selected: PooledTransaction[] = [];
    let bytes = 0;
    for (const transaction of this.#waiting.values()) {
      if (selected.length >= bounds.maxTransactions) break;
      if (bounds.exclude.has(transaction.id)) continue;
      if (bytes + transaction.envelope.length > bounds.maxBytes) break;
      bytes += transaction.envelope.length;
      selected.push(transaction);
    }
    return selected;
  }

  /** Whether a transaction waits that is not among `carried`. */
  hasOther(carried: ReadonlySet<TransactionId>): boolean {
    if (this.#waiting.size > carried.size) return true;
    for (const id of this.#waiting.keys()) if (!carried.has(id)) return true;
    return false;
  }

  /** Whether the transaction is in a recent final block. */
  isFinal(id: TransactionId): boolean {
    return this.#final.has(id);
  }

  /** Forgets transactions that are in a final block and remembers their ids for a while. */
  finalize(ids: Iterable<TransactionId>): void {
    for (const id of ids) {
      this.#delete(id);
      this.#final.add(id);
    }
    for (const oldest of this.#final) {
      if (this.#final.size <= REMEMBERED_FINAL) break;
      this.#final.delete(oldest);
    }
  }

  /** Drops what can no longer be included at `height` and returns the ids. */
  expire(height: number): TransactionId[] {
    const expired = [...this.#waiting.values()]
      .filter((transaction) => transaction.expiryHeight < height)
      .map(({ id }) => id);
    for (const id of expired) this.#delete(id);
    return expired;
  }

  #delete(id: TransactionId): void {
    const transaction = this.#waiting.get(id);
    if (transaction === undefined) return;
    this.#waiting.delete(id);
    this.#bytes -= transaction.envelope.length;
    const used = this.#usage.get(transaction.source);
    if (used === undefined) return;
    const next = { bytes: used.bytes - transaction.envelope.length, count: used.count - 1 };
    if (next.count === 0) this.#usage.delete(transaction.source);
    else this.#usage.set(transaction.source, next);
  }
}
