/**
 * Wallet sessions as replicated state: who opened them, their keys, their expiry, and which numbers were used.
 *
 * Invariants: at most `maxSessions` at once; a number is accepted once, and only within 1,024 of the highest accepted
 * one; a session beyond its expiry is unknown. Windows change in memory during a block and are written once at its end.
 */
import type { PublicKey } from '../../protocol/brand.ts';
import { fromHex, toHex } from '../../protocol/hex.ts';
import type { Session, SessionId } from '../../protocol/session.ts';
import type { Overlay } from './state/overlay.ts';
import { scan, type StateReader } from './state/reader.ts';
import { expiredBefore, systemKeys } from './system-keys.ts';

const WINDOW_NUMBERS = 1024;
const WORD_BITS = 32;
const WORDS = WINDOW_NUMBERS / WORD_BITS;
const WORD_DIGITS = 8;
const MAX_PRUNED_PER_BLOCK = 4096;

/** Which numbers of a session were used: the highest one, and a bit for each of the 1,024 slots up to it. */
export class CounterWindow {
  #top = -1;
  readonly #bits = new Uint32Array(WORDS);

  /** Reads a window back from state. */
  static parse(text: string | undefined): CounterWindow {
    const window = new CounterWindow();
    if (text === undefined) return window;
    const split = text.indexOf(':');
    window.#top = Number(text.slice(0, split));
    for (let word = 0; word < WORDS; word++) {
      const start = split + 1 + word * WORD_DIGITS;
      window.#bits[word] = Number.parseInt(text.slice(start, start + WORD_DIGITS), 16);
    }
    return window;
  }

  /** The window as it stands in state. */
  toString(): string {
    let digits = '';
    for (const word of this.#bits) digits += word.toString(16).padStart(WORD_DIGITS, '0');
    return `${this.#top}:${digits}`;
  }

  /** Whether a number may still be used. */
  accepts(counter: number): boolean {
    if (counter > this.#top) return true;
    return counter > this.#top - WINDOW_NUMBERS && !this.#isSet(counter);
  }

  /** Marks an accepted number as used. */
  use(counter: number): void {
    if (counter - this.#top >= WINDOW_NUMBERS) this.#bits.fill(0);
    else for (let number = this.#top + 1; number < counter; number++) this.#clear(number);
    if (counter > this.#top) this.#top = counter;
    const slot = counter % WINDOW_NUMBERS;
    this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] ?? 0) | (1 << (slot & 31));
  }

  #isSet(counter: number): boolean {
    const slot = counter % WINDOW_NUMBERS;
    return ((this.#bits[slot >>> 5] ?? 0) >>> (slot & 31)) % 2 === 1;
  }

  #clear(counter: number): void {
    const slot = counter % WINDOW_NUMBERS;
    this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] ?? 0) & ~(1 << (slot & 31));
  }
}

type StoredSession = readonly [
  caller: PublicKey,
  expiryHeight: number,
  callKey: string,
  resultKey: string,
  queryKey: string,
];

function store(session: Session): string {
  const { caller, expiryHeight, callKey, resultKey, queryKey } = session;
  return JSON.stringify([
    caller,
    expiryHeight,
    toHex(callKey),
    toHex(resultKey),
    toHex(queryKey),
  ] satisfies StoredSession);
}

function load(id: SessionId, text: string): Session {
  const [caller, expiryHeight, callKey, resultKey, queryKey] = JSON.parse(text) as StoredSession;
  return {
    id,
    caller,
    expiryHeight: expiryHeight as Session['expiryHeight'],
    callKey: fromHex(callKey),
    resultKey: fromHex(resultKey),
    queryKey: fromHex(queryKey),
  };
}

/** The sessions that the state knows; parsed forms are remembered, since a session never changes. */
export class SessionTable {
  readonly #parsed = new Map<SessionId, Session>();
  readonly #windows = new Map<SessionId, CounterWindow>();
  readonly #touched = new Set<SessionId>();

  /** A session that may be used at `height`. */
  find(state: StateReader, id: SessionId, height: number): Session | undefined {
    let session = this.#parsed.get(id);
    if (session === undefined) {
      const text = state.get(systemKeys.session(id));
      if (text === undefined) return undefined;
      session = load(id, text);
      this.#parsed.set(id, session);
    }
    return session.expiryHeight >= height ? session : undefined;
  }

  /** Number of open sessions. */
  count(state: StateReader): number {
    return Number(state.get(systemKeys.sessionCount) ?? '0');
  }

  /** Opens a session; a code when the network holds as many as it may, or this one already. */
  open(state: Overlay, session: Session, maxSessions: number): 'SESSIONS_FULL' | 'SESSION_EXISTS' | undefined {
    const count = this.count(state);
    if (count >= maxSessions) return 'SESSIONS_FULL';
    if (state.get(systemKeys.session(session.id)) !== undefined) return 'SESSION_EXISTS';
    state.set(systemKeys.session(session.id), store(session));
    state.set(systemKeys.sessionExpiry(session.expiryHeight, session.id), '');
    state.set(systemKeys.sessionCount, String(count + 1));
    this.#parsed.set(session.id, session);
    return undefined;
  }

  /** Whether a number of a session may be used. */
  accepts(state: StateReader, id: SessionId, counter: number): boolean {
    return this.#window(state, id).accepts(counter);
  }

  /** Uses a number; false when it was used before or is too old. */
  use(state: StateReader, id: SessionId, counter: number): boolean {
    const window = this.#window(state, id);
    if (!window.accepts(counter)) return false;
    window.use(counter);
    this.#touched.add(id);
    return true;
  }

  /** Writes the windows that a block changed. */
  flush(state: Overlay): void {
    for (const id of [...this.#touched].sort())
      state.set(systemKeys.sessionWindow(id), this.#window(state, id).toString());
    this.#touched.clear();
  }

  /** Removes sessions that expired before `height`. */
  prune(state: Overlay, height: number): void {
    const expired = scan(
      state,
      { ...expiredBefore(systemKeys.sessionExpiry, height), reverse: false },
      MAX_PRUNED_PER_BLOCK,
    );
    if (expired.length === 0) return;
    for (const [key] of expired) {
      const id = key.slice(key.lastIndexOf('\u0000') + 1) as SessionId;
      state.remove(key);
      state.remove(systemKeys.session(id));
      state.remove(systemKeys.sessionWindow(id));
      this.#parsed.delete(id);
      this.#windows.delete(id);
    }
    state.set(systemKeys.sessionCount, String(this.count(state) - expired.length));
  }

  /** Forgets remembered forms, after state changed underneath (restore). */
  forget(): void {
    this.#parsed.clear();
    this.#windows.clear();
    this.#touched.clear();
  }

  #window(state: StateReader, id: SessionId): CounterWindow {
    let window = this.#windows.get(id);
    if (window === undefined) {
      window = CounterWindow.parse(state.get(systemKeys.sessionWindow(id)));
      this.#windows.set(id, window);
    }
    return window;
  }
}
