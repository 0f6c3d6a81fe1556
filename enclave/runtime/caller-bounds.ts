/**
 * How much of the state callers may take up by merely calling, without any contract's consent: sessions, reply keys and
 * nonces. Whoever can make keys can make callers, so these are bounded in total; the rest stays to the contracts.
 *
 * Sessions and reply keys that were used least recently make room for new ones (use-order.ts). Nonces cannot be
 * forgotten before they expire: when there are too many, calls outside sessions wait.
 */
import type { Parameters } from '../../protocol/genesis.ts';

/** Most sessions of one caller. */
export const MAX_SESSIONS_PER_CALLER = 64;

/** Accounted bytes that one record takes at most, with its places in the indexes. */
const SESSION_BYTES = 4_608;
const REPLY_KEY_BYTES = 6_400;
const NONCE_BYTES = 768;

/** Most records of each kind. */
export interface CallerBounds {
  readonly sessions: number;
  readonly replyKeys: number;
  readonly nonces: number;
}

/** The bounds: a quarter of the state for sessions, another for reply keys, an eighth for nonces. */
export const callerBounds = ({ maxStateBytes, maxSessions }: Parameters): CallerBounds => ({
  sessions: Math.min(maxSessions, Math.floor(maxStateBytes / 4 / SESSION_BYTES)),
  replyKeys: Math.floor(maxStateBytes / 4 / REPLY_KEY_BYTES),
  nonces: Math.floor(maxStateBytes / 8 / NONCE_BYTES),
});
