/**
 * Wallet sessions as replicated state: who opened them, their keys, their expiry, and which numbers were used.
 *
 * Invariants: bounded in total and for each caller, the least recently used one makes room; a number is accepted once,
 * and only within 1,024 of the highest accepted one; a session beyond its expiry, or that made room, is unknown. Windows
 * change in memory during a block and are written once at its end.
 */
import type { PublicKey } from '../../protocol/brand.ts';
import { fromHex, toHex } from '../../protocol/hex.ts';
import type { Session, SessionId } from '../../protocol/session.ts';
import { MAX_SESSIONS_PER_CALLER } from './caller-bounds.ts';
import { touchRecipient } from './recipients.ts';
import type { Overlay } from './state/overlay.ts';
import { scan, type StateReader } from './state/reader.ts';
import { expiredBefore, systemKeys } from './system-keys.ts';
import { type Use, UseOrder } from './use-order.ts';

const WINDOW_NUMBERS = 1024;
const WORD_BITS = 32;
const WORDS = WINDOW_NUMBERS / WORD_BITS;
const WORD_DIGITS = 8;
const MAX_PRUNED_PER_BLOCK = 4096;
/** Two for one, so that a lowered bound is reached in time. */
const MAX_CLOSED_PER_OPENING = 2;

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
  use: Use,
];

interface Known {
  readonly session: Session;
  readonly use: Use;
}

function store({ session, use }: Known): string {
  const { caller, expiryHeight, callKey, resultKey, queryKey } = session;
  return JSON.stringify([
    caller,
    expiryHeight,
    toHex(callKey),
    toHex(resultKey),
    toHex(queryKey),
    use,
  ] satisfies StoredSession);
}

function load(id: SessionId, text: string): Known {
  const [caller, expiryHeight, callKey, resultKey, queryKey, use] = JSON.parse(text) as StoredSession;
  return {
    session: {
      id,
      caller,
      expiryHeight: expiryHeight as Session['expiryHeight'],
      callKey: fromHex(callKey),
      resultKey: fromHex(resultKey),
      queryKey: fromHex(queryKey),
    },
    use,
  };
}

const order = new UseOrder('session');

const idIn = (key: string): SessionId => key.slice(key.lastIndexOf('\u0000') + 1) as SessionId;

/** The sessions that the state knows; parsed forms are remembered. */
export class SessionTable {
  readonly #parsed = new Map<SessionId, Known>();
  readonly #windows = new Map<SessionId, CounterWindow>();
  readonly #touched = new Set<SessionId>();

  /** A session that may be used at `height`. */
  find(state: StateReader, id: SessionId, height: number): Session | undefined {
    const known = this.#known(state, id);
    return known !== undefined && known.session.expiryHeight >= height ? known.session : undefined;
  }

  /** Number of open sessions. */
  count(state: StateReader): number {
    return order.count(state);
  }

  /** Opens a session and makes room for it; a code when it exists already. */
  open(
    state: Overlay,
    session: Session,
    { height, maximum }: { readonly height: number; readonly maximum: number },
  ): 'SESSION_EXISTS' | undefined {
    const { id, caller, expiryHeight } = session;
    if (state.get(systemKeys.session(id)) !== undefined) return 'SESSION_EXISTS';
    this.#makeRoom(state, caller, maximum);
    this.#write(state, { session, use: order.add(state, id, height) });
    state.set(systemKeys.sessionExpiry(expiryHeight, id), '');
    state.set(systemKeys.sessionOf(caller, id), '');
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

  /** Writes what the block at `height` changed: windows, and now and then that a session was used. */
  flush(state: Overlay, height: number): void {
    for (const id of [...this.#touched].sort()) {
      state.set(systemKeys.sessionWindow(id), this.#window(state, id).toString());
      const known = this.#known(state, id);
      const use = known && order.use(state, id, known.use, height);
      if (known === undefined || use === undefined) continue;
      this.#write(state, { ...known, use });
      touchRecipient(state, known.session.caller, height);
    }
    this.#touched.clear();
  }

  /** Removes sessions that expired before `height`. */
  prune(state: Overlay, height: number): void {
    const expired = scan(
      state,
      { ...expiredBefore(systemKeys.sessionExpiry, height), reverse: false },
      MAX_PRUNED_PER_BLOCK,
    );
    for (const [key] of expired) this.#close(state, idIn(key));
  }

  /** Forgets remembered forms, after state changed underneath (restore). */
  forget(): void {
    this.#parsed.clear();
    this.#windows.clear();
    this.#touched.clear();
  }

  #known(state: StateReader, id: SessionId): Known | undefined {
    let known = this.#parsed.get(id);
    if (known === undefined) {
      const text = state.get(systemKeys.session(id));
      if (text === undefined) return undefined;
      known = load(id, text);
      this.#parsed.set(id, known);
    }
    return known;
  }

  #write(state: Overlay, known: Known): void {
    const { id } = known.session;
    state.set(systemKeys.session(id), store(known));
    this.#parsed.set(id, known);
  }

  /** A caller with too many gives up its own least recent one; otherwise the least recent of all goes. */
  #makeRoom(state: Overlay, caller: PublicKey, maximum: number): void {
    const range = {
      from: systemKeys.sessionOf(caller, ''),
      to: systemKeys.sessionOf(caller, '\uffff'),
      reverse: false,
    };
    const own = scan(state, range, MAX_SESSIONS_PER_CALLER).map(([key]) => idIn(key));
    if (own.length >= MAX_SESSIONS_PER_CALLER) {
      const used = (id: SessionId): number => Number(this.#known(state, id)?.use.slice(1));
      this.#close(
        state,
        own.reduce((oldest, id) => (used(id) < used(oldest) ? id : oldest)),
      );
    }
    for (let closed = 0; closed < MAX_CLOSED_PER_OPENING; closed++) {
      const least = order.least(state, maximum);
      if (least !== undefined) this.#close(state, least as SessionId);
    }
  }

  #close(state: Overlay, id: SessionId): void {
    const known = this.#known(state, id);
    if (known === undefined) return;
    const { caller, expiryHeight } = known.session;
    state.remove(systemKeys.session(id));
    state.remove(systemKeys.sessionWindow(id));
    state.remove(systemKeys.sessionExpiry(expiryHeight, id));
    state.remove(systemKeys.sessionOf(caller, id));
    order.remove(state, id, known.use);
    this.#parsed.delete(id);
    this.#windows.delete(id);
    this.#touched.delete(id);
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
