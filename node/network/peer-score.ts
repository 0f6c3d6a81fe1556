/**
 * The standing of one peer: penalties add up and decay; at the limit the peer is refused for a while, each time longer.
 * Time is handed in. The number of bans is forgotten one by one, an hour each.
 */
import type { NetworkLimits } from './limits.ts';

const FORGET_BAN_MS = 3_600_000;

/** Penalties and bans of one peer. */
export class PeerScore {
  readonly #limits: NetworkLimits['score'];
  #penalty = 0;
  #updatedMs: number;
  #bans = 0;
  #bannedUntilMs = 0;

  constructor(limits: NetworkLimits['score'], nowMs: number) {
    this.#limits = limits;
    this.#updatedMs = nowMs;
  }

  /** Adds a penalty. Returns the length of the ban when this one reached the limit. */
  penalise(weight: number, nowMs: number): number | undefined {
    this.#penalty = this.penalty(nowMs) + Math.max(0, weight);
    this.#updatedMs = nowMs;
    if (this.#penalty < this.#limits.banAt || this.bannedForMs(nowMs) > 0) return undefined;
    const forgiven = Math.floor((nowMs - this.#bannedUntilMs) / FORGET_BAN_MS);
    this.#bans = Math.max(0, this.#bans - forgiven);
    const banMs = Math.min(this.#limits.lastBanMs, this.#limits.firstBanMs * 2 ** this.#bans);
    this.#bans += 1;
    this.#bannedUntilMs = nowMs + banMs;
    this.#penalty = this.#limits.banAt / 2; // half of the way is remembered after the ban
    return banMs;
  }

  /** The penalty now, after decay. */
  penalty(nowMs: number): number {
    return this.#penalty * 0.5 ** (Math.max(0, nowMs - this.#updatedMs) / this.#limits.halfLifeMs);
  }

  /** How long the peer stays refused; 0 when it is not. */
  bannedForMs(nowMs: number): number {
    return Math.max(0, this.#bannedUntilMs - nowMs);
  }
}
