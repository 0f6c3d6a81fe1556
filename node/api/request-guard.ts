/**
 * Bounds per client address: how many requests of one address may be in progress at once. The table holds addresses
 * with requests in progress only, so it is bounded by the number of connections.
 */

/** Counts what is in progress by address. */
export class RequestGuard {
  readonly #perAddress: number;
  readonly #inProgress = new Map<string, number>();

  constructor(perAddress: number) {
    this.#perAddress = perAddress;
  }

  /** Takes a place for the address and returns how to give it back (once); undefined when all are taken. */
  enter(address: string): (() => void) | undefined {
    const count = this.#inProgress.get(address) ?? 0;
    if (count >= this.#perAddress) return undefined;
    this.#inProgress.set(address, count + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.#inProgress.get(address) ?? 1) - 1;
      if (left === 0) this.#inProgress.delete(address);
      else this.#inProgress.set(address, left);
    };
  }

  /** Number of addresses with something in progress. */
  get addresses(): number {
    return this.#inProgress.size;
  }
}
