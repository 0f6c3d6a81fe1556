/**
 * Presence: one start of a validator, numbered by its home and signed (consensus design §2.8, two instances of a key).
 *
 * A home counts its starts durably and tells each number before it votes. Whoever hears a later number of its own key,
 * or the same one from another process, is a copy, or was put back to an earlier moment, and must not vote.
 */
import type { ChainId, PublicKey } from '../brand.ts';
import { bytes, type Codec, struct, u64 } from '../codec.ts';
import { concatBytes, fromHex, u64Bytes, utf8 } from '../hex.ts';
import { publicKeyCodec, signatureCodec } from '../scalars.ts';

/** Bytes that tell two processes with the same number apart. */
export const PRESENCE_NONCE_BYTES = 16;
const DOMAIN = utf8('cloister-run/1\0\0');

/** What a presence states. */
export interface PresenceStatement {
  /** Number of this start, counted by the home from 1. */
  readonly run: number;
  readonly nonce: Uint8Array;
}

/** A signed presence. */
export interface Presence extends PresenceStatement {
  /** The key itself, not a position: it stays the same from epoch to epoch. */
  readonly validatorKey: PublicKey;
  readonly signature: Uint8Array;
}

/** The signed bytes: domain (16) ‖ chain id (32) ‖ run (8) ‖ nonce (16). The domain differs from that of votes. */
export const presenceBytes = (chainId: ChainId, { run, nonce }: PresenceStatement): Uint8Array =>
  concatBytes(DOMAIN, fromHex(chainId), u64Bytes(run), nonce);

/** A presence on the wire. */
export const presenceCodec: Codec<Presence> = struct({
  validatorKey: publicKeyCodec,
  run: u64,
  nonce: bytes(PRESENCE_NONCE_BYTES),
  signature: signatureCodec,
});
