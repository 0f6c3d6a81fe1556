/**
 * Submission: every bank sends its own transfers in instalments, all banks at once, and says when it is finished. Bad
 * input is refused to its sender alone; sealing shows nothing but a size bucket.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { TransferRow } from '../../apps/aml/types.ts';
import { CallRefused, type SeenTransaction, type TransactionId } from '../../wallet/index.ts';
import { AmlDataError } from './errors.ts';
import { PERIOD, type Consortium } from './consortium.ts';
import type { Party } from './party.ts';

/** Most rows of one instalment, below the contract's own bound. */
const MAX_ROWS = 300;
/** Most bytes of one instalment's rows: an envelope's largest bucket holds them with room to spare. */
const MAX_ROW_BYTES = 48 * 1024;
/** A period of its own for trials, so that they never touch the data that counts. */
const TRIAL_PERIOD = 'trial-1';
const OTHER_TRIAL_PERIOD = 'trial-2';

/** Splits rows into instalments that fit an envelope. */
export function instalments(rows: readonly TransferRow[]): readonly (readonly TransferRow[])[] {
  const parts: TransferRow[][] = [];
  let [part, size]: [TransferRow[], number] = [[], 0];
  for (const row of rows) {
    const bytes = Buffer.byteLength(JSON.stringify(row)) + 1;
    if (part.length > 0 && (part.length === MAX_ROWS || size + bytes > MAX_ROW_BYTES)) {
      parts.push(part);
      [part, size] = [[], 0];
    }
    part.push(row);
    size += bytes;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

/** All banks submit in parallel, then each finishes the period; a run before that is refused. */
export async function submitEverything(consortium: Consortium): Promise<void> {
  const { data, banks, regulator, outsider, checks, progress } = consortium;
  const parts = data.banks.map(({ rows }) => instalments(rows));
  const phase = progress.phase('Banks submit their transfers, sealed', parts.flat().length + banks.length);
  const submitting = banks.flatMap((bank, index) =>
    (parts[index] ?? []).map(async (rows, number) => {
      await bank.aml.call.submitTransfers({ period: PERIOD, rows }).catch((error: unknown) => {
        const before = (parts[index] ?? []).slice(0, number).reduce((sum, { length }) => sum + length, 0);
        throw rowProblem(`world/bank_${data.banks[index]?.name}.csv`, before, error);
      });
      phase.step();
    }),
  );
  await Promise.all(submitting);
  const [first, ...others] = banks as [Party, ...Party[]];
  const rule = data.rules[0]?.rule ?? '';
  await first.aml.call.finishPeriod({ period: PERIOD });
  phase.step();
  await checks.refused(
    'a run before every bank has finished is refused',
    first.aml.call.run({ rule, period: PERIOD }),
    'period_not_finished',
  );
  const early = (await regulator.aml.query.periodStatus({ period: PERIOD })).result;
  checks.that(
    'totals stay hidden before every bank has finished',
    !early.complete && early.distinctTransfers === undefined,
  );
  await Promise.all(
    others.map(async (bank) => {
      await bank.aml.call.finishPeriod({ period: PERIOD });
      phase.step();
    }),
  );
  await checks.refused(
    'a finished period takes no more transfers',
    first.aml.call.submitTransfers({ period: PERIOD, rows: parts[0]?.[0]?.slice(0, 1) ?? [] }),
    'period_finished',
  );
  await checks.refused(
    'somebody without a role cannot submit',
    outsider.aml.call.submitTransfers({ period: PERIOD, rows: [] }),
    'forbidden',
  );
  phase.end();
}

/** A refusal of an instalment, as an error about the file's line that caused it; other errors as they are. */
function rowProblem(file: string, rowsBefore: number, error: unknown): unknown {
  if (!(error instanceof CallRefused)) return error;
  const { row } = (error.detail ?? {}) as { readonly row?: number };
  return new AmlDataError(
    file,
    row === undefined ? undefined : rowsBefore + row + LINES_ABOVE,
    `the contract refuses the transfer: ${error.reason}`,
    error,
  );
}

/** The header, and counting from one. */
const LINES_ABOVE = 2;

/** Tries submissions that must fail, and checks that their reason reaches the sender alone. Returns the reasons given. */
export async function tryBadInput(consortium: Consortium): Promise<readonly string[]> {
  const { data, banks, checks } = consortium;
  const [bank, other] = banks as [Party, Party];
  const own = data.banks[0]?.rows ?? [];
  const ownIds = new Set(own.map(([txId]) => txId));
  const foreign = data.banks.flatMap(({ rows }) => rows).find(([txId]) => !ownIds.has(txId));
  const [row] = own;
  const attempts: (readonly [reason: string, row: TransferRow])[] = [];
  if (foreign !== undefined) attempts.push(['transfer_does_not_touch_the_sender_bank', foreign]);
  if (row !== undefined) {
    attempts.push(
      ['negative_or_zero_amount', row.with(AMOUNT_PAID, '-5')],
      ['minute_out_of_range', row.with(MINUTE, '-1')],
    );
    attempts.push(['amount_not_decimal', row.with(AMOUNT_PAID, '1e9')]);
  }
  for (const [reason, bad] of attempts) {
    const refusal: unknown = await bank.aml.call
      .submitTransfers({ period: TRIAL_PERIOD, rows: [bad] })
      .catch((error: unknown) => error);
    const { reason: given, data: place } = refusal as CallRefused;
    checks.that(`bad input is refused: ${reason}`, given === reason, String(given));
    const seen = await seenBy(other, String(place['transactionId']) as TransactionId);
    checks.that(
      `another bank learns only that a call failed: ${reason}`,
      seen?.receipt.succeeded === false && seen.messages.length === 0,
    );
    checks.that(`the public receipt discloses nothing: ${reason}`, seen?.receipt.claims === '');
  }
  return attempts.map(([reason]) => reason);
}

/** A transaction as another party sees it, as soon as that party's own validator has its proof. */
async function seenBy(party: Party, id: TransactionId): Promise<SeenTransaction | undefined> {
  const deadline = performance.now() + SEEN_TIMEOUT_MS;
  for (;;) {
    const seen = await party.network.transaction(id, party.account);
    if (seen !== undefined || performance.now() > deadline) return seen;
    await delay(SEEN_POLL_MS);
  }
}

const SEEN_TIMEOUT_MS = 15_000;
const SEEN_POLL_MS = 20;
const MINUTE = 1;
/** Positions of tx_id, from_account and to_account. */
const OPAQUE: readonly number[] = [0, 3, 5];
const AMOUNT_PAID = 6;

/** Checks on the wire that equal shape has equal length, and that a repeated submission looks different. */
export async function tryEqualShapes({ banks, data, checks }: Consortium): Promise<void> {
  const bank = banks[0] as Party;
  const [row] = data.banks[0]?.rows ?? [];
  if (row === undefined) return;
  const otherEnd = (text: string): string => text.replace(/.$/u, (last) => (last === '0' ? '1' : '0'));
  const alike = row.map((text, column) => (OPAQUE.includes(column) ? otherEnd(text) : text));
  const submit = async (period: string, rows: readonly TransferRow[]): Promise<Uint8Array> => {
    await bank.aml.call.submitTransfers({ period, rows }).catch(() => undefined);
    return lastEnvelope(bank);
  };
  const envelopes = [
    await submit(TRIAL_PERIOD, [row]),
    await submit(TRIAL_PERIOD, [row]),
    await submit(OTHER_TRIAL_PERIOD, [alike]),
  ];
  const texts = envelopes.map((envelope) => Buffer.from(envelope).toString('hex'));
  checks.equal(
    'submissions of equal shape and different content have equal length',
    new Set(texts.map(({ length }) => length)).size,
    1,
  );
  checks.that(
    'a repeated submission gives different ciphertext',
    texts[0]?.slice(-64) !== texts[1]?.slice(-64) && new Set(texts).size === texts.length,
  );
}

function lastEnvelope({ traffic }: Party): Uint8Array {
  const submission = traffic.exchanges.findLast(({ method, path }) => method === 'POST' && path === '/v1/transactions');
  const { envelopes } = JSON.parse(Buffer.from(submission?.requestBody ?? []).toString()) as {
    readonly envelopes: readonly string[];
  };
  return Buffer.from(envelopes.at(-1) ?? '', 'base64');
}
