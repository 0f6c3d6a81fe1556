/** Roles as state: which public key holds which label, for example bank -> 'A'. Who may grant is up to the contract. */
import { refuse, type QueryContext } from './contract.ts';
import { keyspace } from './keys.ts';
import { mapIn } from './state.ts';

/** A set of parties that hold one role, each under a label. */
export interface Roles {
  grant(publicKey: string, label: string): void;
  revoke(publicKey: string): void;
  /** The label of a party, or undefined if it does not hold the role. */
  of(publicKey: string): string | undefined;
  /** The label of the caller; refuses with `forbidden` when the caller does not hold the role. */
  require(context: QueryContext): string;
  /** All holders, ordered by public key. */
  members(): { readonly publicKey: string; readonly label: string }[];
}

/** Declares a role. */
export function roles(name: string): Roles {
  const holders = mapIn<[publicKey: string], string>(keyspace(name, 'role:'), 'string');
  return {
    grant: (publicKey, label) => holders.set(publicKey, label),
    revoke: (publicKey) => holders.delete(publicKey),
    of: (publicKey) => holders.get(publicKey),
    require: (context) => holders.get(context.caller) ?? refuse('forbidden', { role: name }),
    members: () => [...holders.entries()].map(([[publicKey], label]) => ({ publicKey, label })),
  };
}
