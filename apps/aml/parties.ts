/**
 * Who takes part: the banks in their order, the financial intelligence unit, the regulator, and the numbers fixed at
 * deployment. Written once by init, read by every request.
 */
import { refuse, stateValue } from '../../contracts/index.ts';
import type { AmlParams } from './types.ts';

const settings = stateValue<Required<AmlParams>>('settings');

const KEY = /^[0-9a-f]{64}$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$/;
const YEAR_MINUTES = 527_040;

/** A party's role in the consortium. */
export type Party =
  | { readonly kind: 'bank'; readonly index: number; readonly name: string }
  | { readonly kind: 'fiu' }
  | { readonly kind: 'regulator' }
  | { readonly kind: 'outsider' };

/** Checks and stores the deployment parameters. */
export function storeParams(params: unknown): void {
  const given = params as Partial<AmlParams> | null;
  const problem = paramsProblem(given);
  if (problem !== undefined) refuse('bad_params', { problem });
  const { banks, fiu, regulator, release, ownership, maxMinute, releaseWithinDays } = given as AmlParams;
  settings.set({
    banks,
    fiu,
    regulator,
    release,
    ownership,
    maxMinute: maxMinute ?? YEAR_MINUTES,
    releaseWithinDays: releaseWithinDays ?? 30,
  });
}

function paramsProblem(given: Partial<AmlParams> | null): string | undefined {
  if (typeof given !== 'object' || given === null) return 'params is an object';
  const { banks, fiu, regulator, release, ownership } = given;
  if (!Array.isArray(banks) || banks.length < 3 || banks.length > 64) return 'banks is a list of 3 to 64';
  const keys = new Set<string>([fiu ?? '', regulator ?? '']);
  const names = new Set<string>();
  for (const bank of banks as AmlParams['banks']) {
    if (!NAME.test(bank?.name ?? '')) return 'a bank has a name';
    names.add(bank.name);
    keys.add(bank.key);
  }
  if (names.size !== banks.length) return 'bank names differ';
  if (keys.size !== banks.length + 2) return 'keys differ';
  for (const key of keys) if (typeof key !== 'string' || !KEY.test(key)) return 'a key is 64 hex digits';
  if (ownership?.modulus !== banks.length) return 'ownership.modulus is the number of banks';
  const needed = release?.approvals_needed;
  if (release?.of !== banks.length) return 'release.of is the number of banks';
  if (!Number.isSafeInteger(needed) || (needed as number) < 2 || (needed as number) > banks.length) {
    return 'release.approvals_needed is from 2 to the number of banks';
  }
  if (!isBound(given.maxMinute, 1e9) || !isBound(given.releaseWithinDays, 3650)) return 'a bound is a positive integer';
  return undefined;
}

function isBound(value: number | undefined, maximum: number): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= maximum);
}

/** The deployment parameters. */
export function params(): Required<AmlParams> {
  return settings.get() ?? refuse('not_deployed');
}

/** Which party holds a key. */
export function partyOf(key: string): Party {
  const { banks, fiu, regulator } = params();
  const index = banks.findIndex((bank) => bank.key === key);
  const bank = banks[index];
  if (bank !== undefined) return { kind: 'bank', index, name: bank.name };
  if (key === fiu) return { kind: 'fiu' };
  return key === regulator ? { kind: 'regulator' } : { kind: 'outsider' };
}

/** A party's name as it stands in the audit trail. */
export function partyName(key: string): string {
  const party = partyOf(key);
  return party.kind === 'bank' ? `bank ${party.name}` : party.kind;
}
