/**
 * Token ledger: balances of many tokens, exact to 2^256 - 1. A transfer reads three values and writes three: the
 * sender's recent ids, the sender's balance, the receiver's balance; a balance exists only for a known token, so the
 * token itself is looked up only when the sender has none.
 * Replay: an id is its sender's own. The last accepted ids of each sender are kept in one value of at most 640
 * characters (19 ids of the longest form, 45 of 13 characters), so state does not grow with traffic; an older id is
 * safe because the platform never executes the same envelope twice and envelopes expire. Checks in order: replay,
 * unknown_token, amount, balance.
 */
import { contract, refuse, stateMap, stateValue, type CallContext, type QueryContext } from '../../contracts/index.ts';
import {
  BURN,
  type BalanceResult,
  type IssueResult,
  type SupplyResult,
  type TokenReason,
  type TransferNotice,
  type TransferResult,
} from './types.ts';

const balances = stateMap<[token: string, holder: string], bigint>('balances', { value: 'bigint' });
const supplies = stateMap<[token: string], bigint>('supplies', { value: 'bigint' });
const issuerOf = stateMap<[token: string], string>('issuers', { value: 'string' });
const recentIds = stateMap<[sender: string], string>('recentIds', { value: 'string' });
const settings = stateValue<{ issuers: readonly string[]; auditor: string }>('settings');

const KEY = /^[0-9a-f]{64}$/;
const ID = /^[A-Za-z0-9._:-]{1,32}$/;
const NAME = /^[A-Za-z0-9._:-]{1,64}$/;
const AMOUNT = /^(?:0|[1-9][0-9]{0,77})$/;
const MAX_AMOUNT = 2n ** 256n - 1n;
const MAX_OPENING = 400;
const MAX_ISSUERS = 256;
const REMEMBERED_CHARACTERS = 640;

const reject = (reason: TokenReason): never => refuse(reason);

function amountOf(text: unknown): bigint {
  if (typeof text !== 'string' || !AMOUNT.test(text)) return reject('amount');
  const amount = BigInt(text);
  return amount <= MAX_AMOUNT ? amount : reject('amount');
}

function idOf(value: unknown): string {
  return typeof value === 'string' && ID.test(value) ? value : reject('bad_id');
}

function tokenOf(value: unknown): string {
  return typeof value === 'string' && NAME.test(value) ? value : reject('bad_token');
}

function record(args: unknown): Readonly<Record<string, unknown>> {
  return typeof args === 'object' && args !== null
    ? (args as Readonly<Record<string, unknown>>)
    : reject('bad_arguments');
}

/** The sender's remembered ids, `,id,id,`, newest last, with `id` added; refuses one that is there. */
function rememberedWith(sender: string, id: string): string {
  const ids = recentIds.get(sender) ?? '';
  const entry = id + ',';
  if (ids.includes(',' + entry)) reject('replay');
  return (ids === '' ? ',' : ids) + entry;
}

/** Stores remembered ids; the oldest go when the text grows beyond its bound. */
function remember(sender: string, ids: string): void {
  let kept = ids;
  while (kept.length > REMEMBERED_CHARACTERS) kept = kept.slice(kept.indexOf(',', 1));
  recentIds.set(sender, kept);
}

function credit(token: string, holder: string, amount: bigint): void {
  if (amount > 0n) balances.set(token, holder, (balances.get(token, holder) ?? 0n) + amount);
}

function debit(token: string, holder: string, held: bigint, amount: bigint): void {
  if (held === amount) balances.delete(token, holder);
  else balances.set(token, holder, held - amount);
}

function transfer(context: CallContext, args: unknown): TransferResult {
  const given = record(args);
  const sender = context.caller;
  const id = idOf(given['id']);
  const token = tokenOf(given['token']);
  const to = given['to'];
  if (typeof to !== 'string' || !KEY.test(to)) return reject('bad_recipient');
  const ids = rememberedWith(sender, id);
  const held = balances.get(token, sender);
  if (held === undefined && !issuerOf.has(token)) reject('unknown_token');
  const amount = amountOf(given['amount']);
  if ((held ?? 0n) < amount) reject('balance');
  remember(sender, ids);
  if (to !== sender && amount > 0n) {
    debit(token, sender, held ?? 0n, amount);
    if (to === BURN) supplies.set(token, (supplies.get(token) ?? 0n) - amount);
    else credit(token, to, amount);
  }
  if (given['notify'] === true)
    context.seal(to, { id, token, from: sender, amount: amount.toString() } satisfies TransferNotice);
  return { id };
}

function issue(context: CallContext, args: unknown): IssueResult {
  const given = record(args);
  const id = given['id'] === undefined ? undefined : idOf(given['id']);
  const token = tokenOf(given['token']);
  const ids = id === undefined ? undefined : rememberedWith(context.caller, id);
  const issuer = issuerOf.get(token);
  const mayIssue =
    issuer === undefined ? settings.get()?.issuers.includes(context.caller) === true : issuer === context.caller;
  if (!mayIssue) reject('forbidden');
  const opening = given['opening'];
  if (!Array.isArray(opening)) return reject('bad_arguments');
  if (opening.length > MAX_OPENING) reject('too_many_holders');
  let supply = supplies.get(token) ?? 0n;
  for (const entry of opening as readonly unknown[]) {
    const { holder, amount: text } = record(entry) as { readonly holder?: unknown; readonly amount?: unknown };
    if (typeof holder !== 'string' || !KEY.test(holder) || holder === BURN) return reject('bad_recipient');
    const amount = amountOf(text);
    credit(token, holder, amount);
    supply += amount;
  }
  if (issuer === undefined) issuerOf.set(token, context.caller);
  if (ids !== undefined) remember(context.caller, ids);
  supplies.set(token, supply);
  return { token, supply: supply.toString() };
}

contract({
  name: 'token',
  init(_context, params) {
    const { issuers, auditor } = record(params);
    if (!Array.isArray(issuers) || issuers.length > MAX_ISSUERS) reject('bad_arguments');
    const keys = issuers as readonly unknown[];
    if (![...keys, auditor].every((key) => typeof key === 'string' && KEY.test(key))) reject('bad_arguments');
    settings.set({ issuers: keys as readonly string[], auditor: auditor as string });
  },
  calls: { issue, transfer },
  queries: {
    balance(context: QueryContext, args): BalanceResult {
      const given = record(args);
      if (Object.keys(given).length !== 1) reject('bad_arguments');
      const token = tokenOf(given['token']);
      return { token, balance: (balances.get(token, context.caller) ?? 0n).toString() };
    },
    supply(context: QueryContext, args): SupplyResult {
      const token = tokenOf(record(args)['token']);
      const issuer = issuerOf.get(token);
      if (context.caller !== issuer && context.caller !== settings.get()?.auditor) reject('forbidden');
      if (issuer === undefined) reject('unknown_token');
      return { token, supply: (supplies.get(token) ?? 0n).toString() };
    },
  },
});
