/**
 * Parties to whom contracts may seal: a caller's reply key, registered by its newest signed opening or call.
 *
 * Bounded in number (use-order.ts); a party that made room is known again as soon as it calls.
 */
import type { PublicKey } from '../../protocol/brand.ts';
import { fromHex, toHex } from '../../protocol/hex.ts';
import type { Overlay } from './state/overlay.ts';
import type { StateReader } from './state/reader.ts';
import { systemKeys } from './system-keys.ts';
import { type Use, UseOrder } from './use-order.ts';

interface Recipient {
  readonly use: Use;
  readonly replyKey: string;
}

const order = new UseOrder('recipient');

const find = (state: StateReader, party: string): Recipient | undefined => {
  const [use, replyKey = ''] = state.get(systemKeys.recipient(party))?.split(':') ?? [];
  return use === undefined ? undefined : { use: use as Use, replyKey };
};

const write = (state: Overlay, party: string, { use, replyKey }: Recipient): void => {
  state.set(systemKeys.recipient(party), `${use}:${replyKey}`);
};

const forget = (state: Overlay, party: string): void => {
  const known = find(state, party);
  if (known === undefined) return;
  order.remove(state, party, known.use);
  state.remove(systemKeys.recipient(party));
};

/** Registers the reply key of a party, whose signature over it was checked. */
export function registerRecipient(
  state: Overlay,
  party: PublicKey,
  replyKey: Uint8Array,
  { height, maximum }: { readonly height: number; readonly maximum: number },
): void {
  const text = toHex(replyKey);
  const known = find(state, party);
  if (known === undefined) {
    const least = order.least(state, maximum);
    if (least !== undefined) forget(state, least);
    write(state, party, { use: order.add(state, party, height), replyKey: text });
    return;
  }
  const use = order.use(state, party, known.use, height) ?? known.use;
  if (use !== known.use || text !== known.replyKey) write(state, party, { use, replyKey: text });
}

/** Notes that a party called in a session or was sealed to. */
export function touchRecipient(state: Overlay, party: string, height: number): void {
  const known = find(state, party);
  const use = known && order.use(state, party, known.use, height);
  if (known !== undefined && use !== undefined) write(state, party, { ...known, use });
}

/** The reply key of a party, or undefined when it never registered one or was forgotten. */
export function recipientKey(state: StateReader, party: string): Uint8Array | undefined {
  const known = find(state, party);
  return known === undefined ? undefined : fromHex(known.replyKey);
}
