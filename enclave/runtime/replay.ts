/**
 * Replay memory of calls outside sessions, and of idempotency keys; replicated, and bounded by expiry.
 *
 * A one-shot call is remembered by (expiry, caller, nonce) until its expiry height has passed; its signature covers all
 * three, so nothing else can stand for it. An idempotency key is remembered by caller once its call took effect.
 */
import type { PublicKey, TransactionId } from '../../protocol/brand.ts';
import { toHex } from '../../protocol/hex.ts';
import { MAX_EXPIRY_BLOCKS } from '../../protocol/limits.ts';
import type { Overlay } from './state/overlay.ts';
import { scan, type StateReader } from './state/reader.ts';
import { expiredBefore, systemKeys } from './system-keys.ts';

const MAX_PRUNED_PER_BLOCK = 16_384;

/** What identifies a call outside sessions. */
export interface OneShot {
  readonly expiryHeight: number;
  readonly caller: PublicKey;
  readonly nonce: Uint8Array;
}

const nonceKey = ({ expiryHeight, caller, nonce }: OneShot): string =>
  systemKeys.spentNonce(expiryHeight, caller, toHex(nonce));

/** Whether the call was executed before. */
export function isSpent(state: StateReader, call: OneShot): boolean {
  return state.get(nonceKey(call)) !== undefined;
}

/** Number of calls that are remembered. */
export function spentCount(state: StateReader): number {
  return Number(state.get(systemKeys.spentCount) ?? '0');
}

/** Remembers the call until it expires. */
export function spend(state: Overlay, call: OneShot): void {
  state.set(nonceKey(call), '');
  state.set(systemKeys.spentCount, String(spentCount(state) + 1));
}

/** The earlier transaction that took effect under an idempotency key of this caller. */
export function earlierAttempt(state: StateReader, caller: PublicKey, key: string): TransactionId | undefined {
  return state.get(systemKeys.idempotency(caller, key)) as TransactionId | undefined;
}

/** Remembers under an idempotency key that a call took effect. */
export function rememberAttempt(
  state: Overlay,
  caller: PublicKey,
  key: string,
  id: TransactionId,
  height: number,
): void {
  state.set(systemKeys.idempotency(caller, key), id);
  state.set(systemKeys.idempotencyExpiry(height + MAX_EXPIRY_BLOCKS, `${caller}\u0000${key}`), '');
}

/** Forgets what expired before `height`. */
export function pruneReplays(state: Overlay, height: number): void {
  const range = expiredBefore((expiry) => systemKeys.spentNonce(expiry, '', ''), height);
  const spent = scan(state, { ...range, reverse: false }, MAX_PRUNED_PER_BLOCK);
  for (const [key] of spent) state.remove(key);
  if (spent.length > 0) state.set(systemKeys.spentCount, String(spentCount(state) - spent.length));
  const from = expiredBefore(systemKeys.idempotencyExpiry, height);
  for (const [key] of scan(state, { ...from, reverse: false }, MAX_PRUNED_PER_BLOCK)) {
    state.remove(key);
    const [, , caller = '', ...idempotencyKey] = key.split('\u0000');
    state.remove(systemKeys.idempotency(caller as PublicKey, idempotencyKey.join('\u0000')));
  }
}
