/** What the demonstration measures: the time from sealing a call to its verified receipt, and how many there were. */

/** Times of calls. */
export class Measurements {
  readonly #latenciesMs: number[] = [];
  #first = Number.POSITIVE_INFINITY;
  #last = 0;

  /** Runs one call and remembers how long it took, refused or not. */
  async timed<T>(call: () => Promise<T>): Promise<T> {
    const started = performance.now();
    this.#first = Math.min(this.#first, started);
    try {
      return await call();
    } finally {
      this.#last = performance.now();
      this.#latenciesMs.push(this.#last - started);
    }
  }

  /** Number of calls. */
  get calls(): number {
    return this.#latenciesMs.length;
  }

  /** Calls per second, from the first to the last. */
  get callsPerSecond(): number {
    const seconds = (this.#last - this.#first) / 1000;
    return seconds > 0 ? round(this.calls / seconds) : 0;
  }

  /** The latency that a share of the calls did not exceed (nearest rank), ms. */
  percentile(share: number): number {
    const sorted = this.#latenciesMs.toSorted((left, right) => left - right);
    return round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;
