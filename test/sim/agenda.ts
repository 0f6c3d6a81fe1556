/** Simulated time: a binary heap of things to do, ordered by time and then by order of insertion. */

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** The clock of one simulated world. */
export class Agenda {
  nowMs = 0;
  #order = 0;
  readonly #heap: Entry[] = [];

  /** Does something at a time, not before now. */
  at(atMs: number, run: () => void): void {
    const heap = this.#heap;
    const entry = { at: Math.max(atMs, this.nowMs), order: this.#order, run };
    this.#order += 1;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!before(entry, above)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  /** Does the next thing if it is due before `untilMs`; says whether it did. */
  runNext(untilMs: number): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.at > untilMs) return false;
    const last = heap.pop() as Entry;
    if (heap.length > 0) this.#sink(last);
    this.nowMs = first.at;
    first.run();
    return true;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!before(heap[child] as Entry, entry)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = entry;
  }
}
