/**
 * Keys of everything that the enclave itself keeps in replicated state, beside the contracts.
 *
 * Contract state lies under `name ‖ U+0000 ‖ key`; names start with a letter, system keys with U+0001, so neither can
 * reach the other. Heights are fixed-width, so that a range scan finds what expired.
 */
import type { PublicKey } from '../../protocol/brand.ts';
import type { SessionId } from '../../protocol/session.ts';

const HEIGHT_DIGITS = 14;

function ordered(height: number): string {
  return height.toString(16).padStart(HEIGHT_DIGITS, '0');
}

/** Records whose order of use is kept. */
export type OrderedKind = 'session' | 'recipient';

/** First key of every contract's state. */
export const contractPrefix = (contract: string): string => `${contract}\u0000`;

/** Builders of system keys. */
export const systemKeys = {
  session: (id: SessionId): string => `\u0001session\u0000${id}`,
  sessionWindow: (id: SessionId): string => `\u0001window\u0000${id}`,
  sessionExpiry: (height: number, id: string): string => `\u0001session-expiry\u0000${ordered(height)}\u0000${id}`,
  sessionOf: (caller: string, id: string): string => `\u0001session-of\u0000${caller}\u0000${id}`,
  recipient: (caller: string): string => `\u0001recipient\u0000${caller}`,
  use: (kind: OrderedKind, segment: string, height: number, id: string): string =>
    `\u0001use\u0000${kind}\u0000${segment}${ordered(height)}\u0000${id}`,
  useRange: (kind: OrderedKind, segment: string): { readonly from: string; readonly to: string } => ({
    from: `\u0001use\u0000${kind}\u0000${segment}`,
    to: `\u0001use\u0000${kind}\u0000${segment}\uffff`,
  }),
  useCounts: (kind: OrderedKind): string => `\u0001use-counts\u0000${kind}`,
  spentNonce: (height: number, caller: string, nonce: string): string =>
    `\u0001nonce\u0000${ordered(height)}\u0000${caller}${nonce}`,
  spentCount: '\u0001nonce-count',
  idempotency: (caller: PublicKey, key: string): string => `\u0001idempotency\u0000${caller}\u0000${key}`,
  idempotencyExpiry: (height: number, suffix: string): string =>
    `\u0001idempotency-expiry\u0000${ordered(height)}\u0000${suffix}`,
  contract: (name: string): string => `\u0001contract\u0000${name}`,
  code: (hash: string): string => `\u0001code\u0000${hash}`,
  proposal: (name: string, codeHash: string, initHash: string): string =>
    `\u0001proposal\u0000${name}\u0000${codeHash}\u0000${initHash}`,
} as const;

/** The range of all keys that a builder makes for heights below `height`. */
export function expiredBefore(
  first: (height: number, rest: string) => string,
  height: number,
): { from: string; to: string } {
  return { from: first(0, ''), to: first(height, '') };
}
