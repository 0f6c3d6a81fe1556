/**
 * Checks of a submitted row by itself and within its instalment. The first bad row and its first failing check decide
 * the reason; the reason and the row's index go to the submitting bank alone.
 */
import type { TransferRow } from './types.ts';

/** Reason codes for a row. */
export type RowReason =
  | 'wrong_columns'
  | 'bad_transfer_id'
  | 'minute_out_of_range'
  | 'bank_not_a_number'
  | 'empty_account'
  | 'bad_account'
  | 'amount_not_decimal'
  | 'negative_or_zero_amount'
  | 'bad_text'
  | 'transfer_does_not_touch_the_sender_bank'
  | 'same_transfer_reported_with_two_amounts'
  | 'duplicate_transfer';

/** What the checks need to know about the submitting bank. */
export interface RowRules {
  readonly bankIndex: number;
  readonly modulus: number;
  readonly maxMinute: number;
}

/** A row that may be stored: its transfer id, and its other columns in order, joined by tabs. */
export interface CheckedRow {
  readonly txId: string;
  readonly body: string;
}

const COLUMN_COUNT = 11;
const IDENTIFIER = /^[!-~]{1,64}$/;
const LABEL = /^[ -~]{1,40}$/;
const MINUTE = /^(?:0|[1-9][0-9]{0,8})$/;
const BANK = /^(?:0|[1-9][0-9]{0,8})$/;
const DECIMAL = /^-?[0-9]{1,30}(?:\.[0-9]{1,18})?$/;
const ZERO = /^-?[0.]+$/;

/** Which bank of the consortium owns the accounts of a bank number. */
export function ownerOf(bankNumber: string, modulus: number): number {
  return Number(bankNumber) % modulus;
}

function amountReason(text: string): RowReason | undefined {
  if (!DECIMAL.test(text)) return 'amount_not_decimal';
  return text.startsWith('-') || ZERO.test(text) ? 'negative_or_zero_amount' : undefined;
}

function accountReason(text: string): RowReason | undefined {
  if (text === '') return 'empty_account';
  return IDENTIFIER.test(text) ? undefined : 'bad_account';
}

/** Checks one row; returns the reason to refuse it, or undefined. */
export function rowReason(row: unknown, rules: RowRules): RowReason | undefined {
  if (!Array.isArray(row) || row.length !== COLUMN_COUNT) return 'wrong_columns';
  for (const field of row) if (typeof field !== 'string') return 'wrong_columns';
  const [txId, minute, fromBank, fromAccount, toBank, toAccount, paid, payCurrency, received, recvCurrency, format] =
    row as [string, string, string, string, string, string, string, string, string, string, string];
  if (!IDENTIFIER.test(txId)) return 'bad_transfer_id';
  if (!MINUTE.test(minute) || Number(minute) > rules.maxMinute) return 'minute_out_of_range';
  if (!BANK.test(fromBank) || !BANK.test(toBank)) return 'bank_not_a_number';
  const reason = accountReason(fromAccount) ?? accountReason(toAccount) ?? amountReason(paid) ?? amountReason(received);
  if (reason !== undefined) return reason;
  if (!LABEL.test(payCurrency) || !LABEL.test(recvCurrency) || !LABEL.test(format)) return 'bad_text';
  const { bankIndex, modulus } = rules;
  if (ownerOf(fromBank, modulus) !== bankIndex && ownerOf(toBank, modulus) !== bankIndex) {
    return 'transfer_does_not_touch_the_sender_bank';
  }
  return undefined;
}

/** Checks an instalment; returns the rows to store, or the first bad row with its reason. */
export function checkRows(
  rows: readonly unknown[],
  rules: RowRules,
): readonly CheckedRow[] | { readonly row: number; readonly reason: RowReason } {
  const bodies = new Map<string, string>();
  const checked: CheckedRow[] = [];
  for (let index = 0; index < rows.length; index++) {
    const reason = rowReason(rows[index], rules);
    if (reason !== undefined) return { row: index, reason };
    const fields = rows[index] as TransferRow;
    const txId = fields[0] as string;
    const body = fields.slice(1).join('\t');
    const before = bodies.get(txId);
    if (before !== undefined) {
      return { row: index, reason: before === body ? 'duplicate_transfer' : 'same_transfer_reported_with_two_amounts' };
    }
    bodies.set(txId, body);
    checked.push({ txId, body });
  }
  return checked;
}
