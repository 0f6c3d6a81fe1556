/**
 * Wallet sessions: one hybrid key agreement and one signature, then calls that cost no public-key operation.
 *
 * The first envelope of a session is sealed by HPKE and carries an opening signed by the caller over that envelope's
 * public fields, KEM output included. Both sides derive the session id and its keys from the HPKE context's exporter,
 * so only who made that envelope knows them. Calls are numbered; the number is the AEAD nonce and the wallet's session
 * object gives each out once. Results and answers are sealed deterministically (synthetic-seal.ts), where no nonce can
 * be misused.
 */
import type { Brand } from './brand.ts';
import { branded, bytes, hex, type Infer, optional, struct } from './codec.ts';
import { callCodec, NONCE_BYTES } from './call.ts';
import type { HpkeContext } from './hpke.ts';
import { toHex, utf8 } from './hex.ts';
import { heightCodec, publicKeyCodec } from './scalars.ts';
import { XWING_SIZES } from './xwing.ts';

/** Identifier of a session: 16 bytes as hexadecimal digits. */
export type SessionId = Brand<string, 'SessionId'>;

/** Bytes of a session id. */
export const SESSION_ID_BYTES = 16;
/** A session id on the wire. */
export const sessionIdCodec = branded<SessionId>(hex(SESSION_ID_BYTES));

/** The signed part of a session opening. */
export const sessionOpeningCodec = struct({
  caller: publicKeyCodec,
  nonce: bytes(NONCE_BYTES),
  /** Last height at which the session may be used. */
  expiryHeight: heightCodec,
  /** X-Wing key under which others seal to this caller; calls of the session do not repeat it. */
  replyKey: bytes(XWING_SIZES.publicKey),
  firstCall: optional(callCodec),
});

/** The signed part of a session opening. */
export type SessionOpening = Infer<typeof sessionOpeningCodec>;

/** What an enclave remembers of a session. Secret: part of the confidential state. */
export const sessionCodec = struct({
  id: sessionIdCodec,
  caller: publicKeyCodec,
  expiryHeight: heightCodec,
  callKey: bytes(32),
  resultKey: bytes(32),
  queryKey: bytes(32),
});

/** What an enclave remembers of a session. */
export type Session = Infer<typeof sessionCodec>;

/** The derived part of a session, equal on both sides. */
export type SessionKeys = Pick<Session, 'id' | 'callKey' | 'resultKey' | 'queryKey'>;

/** Derives a session from the HPKE context that sealed or opened its first envelope (RFC 9180 §5.3). */
export const deriveSessionKeys = (context: HpkeContext): SessionKeys => ({
  id: toHex(context.export(utf8('cloister/1/session/id'), SESSION_ID_BYTES)) as SessionId,
  callKey: context.export(utf8('cloister/1/session/calls'), 32),
  resultKey: context.export(utf8('cloister/1/session/results'), 32),
  queryKey: context.export(utf8('cloister/1/session/queries'), 32),
});

/** AEAD nonce of a numbered call: four zero bytes and the number, big endian. */
export const sessionNonce = (counter: number): Uint8Array => {
  const nonce = new Uint8Array(12);
  const dataView = new DataView(nonce.buffer);
  dataView.setUint32(4, Math.floor(counter / 0x100000000));
  dataView.setUint32(8, counter % 0x100000000);
  return nonce;
};

/**
 * A wallet's side of a session. Lives in memory only: a restarted wallet opens a new session, because a remembered
 * session with a forgotten number would reuse a nonce.
 */
export class WalletSession {
  readonly keys: SessionKeys;
  #nextCounter = 0;

  constructor(keys: SessionKeys) {
    this.keys = keys;
  }

  /** Number of the next call; never the same twice. */
  takeCounter(): number {
    const counter = this.#nextCounter;
    if (counter >= Number.MAX_SAFE_INTEGER) throw new RangeError('the session has no numbers left');
    this.#nextCounter = counter + 1;
    return counter;
  }
}
