/** A store in memory with the crash behaviour of a disk, for the simulator and for tests. */
import { toHex } from '../protocol/hex.ts';
import type { Store, StoreOperation } from './store.ts';

/** Keeps unsynced batches apart so that `loseUnsynced` can play a power loss. */
export class MemoryStore implements Store {
  readonly #durable = new Map<string, Uint8Array>();
  #unsynced: StoreOperation[] = [];
  readonly #visible = new Map<string, Uint8Array>();

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#visible.get(toHex(key));
  }

  async isEmpty(): Promise<boolean> {
    return this.#visible.size === 0;
  }

  async write(operations: readonly StoreOperation[], sync: boolean): Promise<void> {
    apply(this.#visible, operations);
    this.#unsynced.push(...operations);
    if (!sync) return;
    apply(this.#durable, this.#unsynced);
    this.#unsynced = [];
  }

  /** Forgets everything written since the last synced batch. */
  loseUnsynced(): void {
    this.#unsynced = [];
    this.#visible.clear();
    for (const [key, value] of this.#durable) this.#visible.set(key, value);
  }

  async close(): Promise<void> {}
}

const apply = (target: Map<string, Uint8Array>, operations: readonly StoreOperation[]): void => {
  for (const { key, value } of operations) {
    if (value === undefined) target.delete(toHex(key));
    else target.set(toHex(key), value.slice());
  }
};
