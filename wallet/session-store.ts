/**
 * Sessions that outlive a process: keys and the next free call number, sealed under the account's storage key.
 *
 * A call number is an AEAD nonce and must never repeat. Numbers are therefore reserved in the stored record before any
 * of them is used: a crash skips numbers, and processes that share a record through an exclusive `update` get disjoint
 * ranges.
 */
import { aeadOpen, aeadSeal, randomBytes } from '#primitives';
import type { ChainId, Height } from '../protocol/brand.ts';
import { decode, encode, type Infer, struct, u64 } from '../protocol/codec.ts';
import { fromHex, toHex, utf8 } from '../protocol/hex.ts';
import { jsonHex, jsonRecord, jsonText, jsonWord } from '../protocol/json-shape.ts';
import { chainIdCodec, heightCodec, publicKeyCodec } from '../protocol/scalars.ts';
import { sessionCodec, type SessionKeys, WalletSession } from '../protocol/session.ts';
import type { Account } from './account.ts';
import { walletErrors } from './errors.ts';

/** Format name and version of a stored session. */
export const SESSION_FORMAT = 'cloister-session/1';
/** Numbers reserved by one write of the record: a few processes that share a record stay within the replay window. */
export const RESERVED_NUMBERS = 128;
/**
 * Most numbers between the oldest unfinished call and the next one. Enclaves accept a number only within 1,024 of the
 * highest that they have seen, and calls in flight at once may be executed in any order.
 */
export const MAX_NUMBER_SPAN = 960;

const recordCodec = struct({
  chainId: chainIdCodec,
  account: publicKeyCodec,
  session: sessionCodec,
  nextNumber: u64,
  expiryHeight: heightCodec,
});

/** What is stored of a session. */
export type SessionRecord = Infer<typeof recordCodec>;

const fileShape = jsonRecord({ format: jsonWord(SESSION_FORMAT), nonce: jsonHex(12), sealed: jsonText(4096) });
const MAX_RECORD_BYTES = 2048;

/** Where an application keeps a session's record: a file, a browser's storage. */
export interface SessionStore {
  /**
   * Replaces the record by what `change` makes of it, durably and exclusively: no other process may read it between
   * the two. Resolves after the new record is safe.
   */
  update(change: (record: string | undefined) => string): Promise<void>;
}

/** Seals a record as text. */
export const sealRecord = (record: SessionRecord, account: Account): string => {
  const nonce = randomBytes(12);
  const sealed = aeadSeal(account.storageKey(), nonce, utf8(SESSION_FORMAT), encode(recordCodec, record));
  return JSON.stringify({ format: SESSION_FORMAT, nonce: toHex(nonce), sealed: toHex(sealed) });
};

/** Opens a record of this account on this chain. Throws SESSION_EXPORT_INVALID. */
export const openRecord = (text: string, account: Account, chainId: ChainId): SessionRecord => {
  try {
    const file = fileShape.read(JSON.parse(text), 'session');
    const plain = aeadOpen(account.storageKey(), fromHex(file.nonce), utf8(SESSION_FORMAT), fromHex(file.sealed));
    const record = plain && decode(recordCodec, plain, MAX_RECORD_BYTES);
    if (record?.chainId === chainId && record.account === account.publicKey) return record;
  } catch (cause) {
    throw walletErrors.error('SESSION_EXPORT_INVALID', {}, cause);
  }
  throw walletErrors.error('SESSION_EXPORT_INVALID');
};

/** A session whose numbers come from a reserved range. */
export class ReservedSession extends WalletSession {
  #next: number;
  #end: number;
  /** Numbers of unfinished calls, in the order in which they were given out. */
  readonly #unfinished = new Set<number>();
  #wake: (() => void) | undefined;
  #room: Promise<void> | undefined;

  constructor(keys: SessionKeys, next: number, end: number) {
    super(keys);
    this.#next = next;
    this.#end = end;
  }

  /** Numbers left in the range. */
  get left(): number {
    return this.#end - this.#next;
  }

  /** Whether the next number lies within the span that the oldest unfinished call allows. */
  get hasRoom(): boolean {
    const [oldest] = this.#unfinished;
    return oldest === undefined || this.#next - oldest < MAX_NUMBER_SPAN;
  }

  /** Resolves when a call finishes. */
  nextFinished(): Promise<void> {
    this.#room ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#room;
  }

  /** The call of a number has an outcome, or was given up. */
  finish(number: number): void {
    this.#unfinished.delete(number);
    this.#wake?.();
    this.#wake = undefined;
    this.#room = undefined;
  }

  /** First number that was not given out. */
  get next(): number {
    return this.#next;
  }

  /** Goes on with a further range. Throws RangeError when it overlaps what was given out. */
  extend(next: number, end: number): void {
    if (next < this.#next || end < next) throw new RangeError('reserved ranges must ascend');
    this.#next = next;
    this.#end = end;
  }

  override takeCounter(): number {
    if (this.#next >= this.#end) throw walletErrors.error('SESSION_CLOSED');
    const counter = this.#next;
    this.#next += 1;
    this.#unfinished.add(counter);
    return counter;
  }
}

/** Takes the next range of numbers of a stored session. */
export const reserveNumbers = async (
  store: SessionStore,
  account: Account,
  chainId: ChainId,
): Promise<{ readonly record: SessionRecord; readonly next: number; readonly end: number }> => {
  let taken: { record: SessionRecord; next: number; end: number } | undefined;
  await store.update((text) => {
    if (text === undefined) throw walletErrors.error('SESSION_EXPORT_INVALID');
    const record = openRecord(text, account, chainId);
    const end = record.nextNumber + RESERVED_NUMBERS;
    taken = { record, next: record.nextNumber, end };
    return sealRecord({ ...record, nextNumber: end }, account);
  });
  if (taken === undefined) throw walletErrors.error('SESSION_EXPORT_INVALID');
  return taken;
};

/** The record of a session. */
export const recordOf = (
  account: Account,
  chainId: ChainId,
  keys: SessionKeys,
  nextNumber: number,
  expiryHeight: Height,
): SessionRecord => ({
  chainId,
  account: account.publicKey,
  session: { ...keys, caller: account.publicKey, expiryHeight },
  nextNumber,
  expiryHeight,
});
