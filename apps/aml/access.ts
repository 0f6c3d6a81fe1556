/** Who may ask: each function returns the party it names or denies with `forbidden`, the same words for everybody. */
import { partyOf, type Party } from './parties.ts';
import { deny } from './request.ts';

/** The calling bank. */
export function requireBank(key: string): Extract<Party, { kind: 'bank' }> {
  const party = partyOf(key);
  return party.kind === 'bank' ? party : deny('forbidden');
}

/** The financial intelligence unit or the regulator. */
export function requireRole(key: string, kind: 'fiu' | 'regulator'): void {
  if (partyOf(key).kind !== kind) deny('forbidden');
}

/** Any party of the consortium. */
export function requireMember(key: string): Party {
  const party = partyOf(key);
  return party.kind === 'outsider' ? deny('forbidden') : party;
}
