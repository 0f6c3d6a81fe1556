/**
 * Calls that admission opened already, so that execution opens each envelope once.
 *
 * Keyed by transaction id, which is the hash of the whole envelope: what was opened under an id is what that envelope
 * contains, whoever hands it in. Bounded by number and by bytes; the oldest go first.
 */
import type { TransactionId } from '../../protocol/brand.ts';
import type { OpenedEnvelope } from '../../protocol/envelope-open.ts';

/** An opened envelope with the public fields that execution needs. */
export interface OpenedCall {
  readonly opened: Exclude<OpenedEnvelope, { verdict: 'rejected' }>;
  readonly expiryHeight: number;
}

interface Held {
  readonly call: OpenedCall;
  readonly sizeBytes: number;
}

/** A bounded memory of opened calls. */
export class OpenedCalls {
  readonly #maxCalls: number;
  readonly #maxBytes: number;
  readonly #held = new Map<TransactionId, Held>();
  #bytes = 0;

  constructor(maxCalls: number, maxBytes: number) {
    this.#maxCalls = maxCalls;
    this.#maxBytes = maxBytes;
  }

  /** Number of calls held. */
  get size(): number {
    return this.#held.size;
  }

  /** What was opened under an id, without taking it. */
  peek(id: TransactionId): OpenedCall | undefined {
    return this.#held.get(id)?.call;
  }

  /** Takes what was opened under an id. */
  take(id: TransactionId): OpenedCall | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    this.#held.delete(id);
    this.#bytes -= held.sizeBytes;
    return held.call;
  }

  /** Remembers an opened call; `sizeBytes` is the size of its envelope. */
  put(id: TransactionId, call: OpenedCall, sizeBytes: number): void {
    if (this.#held.has(id)) return;
    this.#held.set(id, { call, sizeBytes });
    this.#bytes += sizeBytes;
    while (this.#held.size > this.#maxCalls || this.#bytes > this.#maxBytes) {
      const oldest = this.#held.keys().next();
      if (oldest.done === true) return;
      this.take(oldest.value);
    }
  }
}
