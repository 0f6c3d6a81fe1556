/** Parties to whom contracts may seal: a caller's reply key, registered by its newest signed opening or call. */
import type { PublicKey } from '../../protocol/brand.ts';
import { fromHex, toHex } from '../../protocol/hex.ts';
import type { Overlay } from './state/overlay.ts';
import type { StateReader } from './state/reader.ts';
import { systemKeys } from './system-keys.ts';

/** Registers the reply key of a party, whose signature over it was checked. */
export function registerRecipient(state: Overlay, party: PublicKey, replyKey: Uint8Array): void {
  const text = toHex(replyKey);
  const key = systemKeys.recipient(party);
  if (state.get(key) !== text) state.set(key, text);
}

/** The reply key of a party, or undefined when it never registered one. */
export function recipientKey(state: StateReader, party: string): Uint8Array | undefined {
  const text = state.get(systemKeys.recipient(party));
  return text === undefined ? undefined : fromHex(text);
}
