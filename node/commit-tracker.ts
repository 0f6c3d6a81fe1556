/**
 * From executed to certified: who waits for a transaction learns of it when its result certificate exists.
 *
 * Results of executed heights are kept until they are certified and durable, then handed to the waiting requests and
 * dropped; everything older is read from the ledger. Bounded by the number of heights that execution may be ahead of
 * certification and by the number of waiting requests, which the API bounds.
 */
import type { Height, TransactionId } from '../protocol/brand.ts';
import { type MerkleTree, merkleTree } from '../protocol/merkle.ts';
import type { CommittedBlockProof, CommittedTransaction } from './api/service.ts';

/** One executed call, as the enclave gave it. */
export interface ExecutedTransaction {
  readonly transactionId: TransactionId;
  readonly receipt: Uint8Array;
  readonly outputs: readonly Uint8Array[];
}

/** Heights that may wait for their certificate here. */
const MAX_UNCERTIFIED_HEIGHTS = 256;

interface ExecutedHeight {
  readonly height: Height;
  readonly calls: readonly ExecutedTransaction[];
}

type Waiter = (transaction: CommittedTransaction) => void;

/** The committed form of every call of a block, sharing one proof and one tree. */
export const committedTransactions = (
  height: Height,
  calls: readonly ExecutedTransaction[],
  certificate: Uint8Array,
): ((index: number) => CommittedTransaction | undefined) => {
  const block: CommittedBlockProof = { height, count: calls.length, certificate };
  let tree: MerkleTree | undefined;
  return (index) => {
    const call = calls[index];
    if (call === undefined) return undefined;
    tree ??= merkleTree(calls.map(({ receipt }) => receipt));
    return { kind: 'committed', block, index, path: tree.path(index), ...call };
  };
};

/** See the module comment. */
export class CommitTracker {
  readonly #executed = new Map<number, ExecutedHeight>();
  readonly #waiters = new Map<TransactionId, Set<Waiter>>();

  /** Number of requests that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** A height was executed and is durable. Beyond the bound the oldest is dropped: its waiters time out and ask again. */
  executed(height: Height, calls: readonly ExecutedTransaction[]): void {
    this.#executed.set(height, { height, calls });
    const [oldest] = this.#executed.keys();
    if (this.#executed.size > MAX_UNCERTIFIED_HEIGHTS && oldest !== undefined) this.#executed.delete(oldest);
  }

  /**
   * The result certificate of a height is there: everybody who waits is told. `stored` reads the calls of a height that
   * was executed before this process started. The outcome of a transaction is that of its first inclusion.
   */
  certified(height: Height, certificate: Uint8Array, stored: () => readonly ExecutedTransaction[]): void {
    const executed = this.#executed.get(height);
    this.#executed.delete(height);
    if (this.#waiters.size === 0) return;
    const calls = executed?.calls ?? stored();
    const earlier = this.#uncertifiedBelow(height);
    const committed = committedTransactions(height, calls, certificate);
    calls.forEach(({ transactionId }, index) => {
      const waiters = this.#waiters.get(transactionId);
      if (waiters === undefined || earlier.has(transactionId)) return;
      const transaction = committed(index);
      if (transaction === undefined) return;
      this.#waiters.delete(transactionId);
      for (const waiter of waiters) waiter(transaction);
    });
  }

  #uncertifiedBelow(height: Height): ReadonlySet<TransactionId> {
    const below = [...this.#executed.values()].filter((executed) => executed.height < height);
    return new Set(below.flatMap(({ calls }) => calls.map(({ transactionId }) => transactionId)));
  }

  /** Waits until the transaction is certified; undefined when the signal fires first. */
  wait(id: TransactionId, signal: AbortSignal): Promise<CommittedTransaction | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(id) ?? new Set<Waiter>();
      const settle: Waiter = (transaction) => {
        signal.removeEventListener('abort', abort);
        resolve(transaction);
      };
      const abort = (): void => {
        waiters.delete(settle);
        if (waiters.size === 0) this.#waiters.delete(id);
        resolve(undefined);
      };
      waiters.add(settle);
      this.#waiters.set(id, waiters);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
