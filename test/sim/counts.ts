/** What a run exercised: how often each kind of fault and each rule of agreement came into play. */

/** Names with their counts. */
export class Counts {
  readonly #counts = new Map<string, number>();

  /** Counts one more of a name. */
  add(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  /** Adds all counts of another run. */
  merge(other: Readonly<Record<string, number>>): void {
    for (const [name, times] of Object.entries(other)) this.add(name, times);
  }

  /** All counts, by name in order. */
  table(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
