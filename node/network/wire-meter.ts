/**
 * Meters bytes of a peer that belong to no message: framing, flow control, pings, streams that never name a protocol.
 *
 * Bytes on the wire raise the level, bytes that reached a stream of ours lower it again, and it drains with time.
 * A peer that keeps the level above the burst works on our processor without saying anything.
 */
import type { Rate } from './limits.ts';

/** A leaky bucket over wire bytes minus stream bytes. */
export class WireMeter {
  readonly #burst: number;
  readonly #perMs: number;
  #level = 0;
  #updatedMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#burst = rate.burst;
    this.#perMs = rate.perSecond / 1_000;
    this.#updatedMs = nowMs;
  }

  /** Counts bytes that arrived on the connection. Returns false when the peer exceeds its allowance. */
  onWire(bytes: number, nowMs: number): boolean {
    if (this.#level > 0) this.#level = Math.max(0, this.#level - (nowMs - this.#updatedMs) * this.#perMs);
    this.#updatedMs = nowMs;
    this.#level += bytes;
    if (this.#level <= this.#burst) return true;
    this.#level = this.#burst / 2;
    return false;
  }

  /** Counts bytes that arrived on a stream with a protocol of ours. */
  onStream(bytes: number): void {
    this.#level -= bytes;
  }
}
