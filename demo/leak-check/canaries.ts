/**
 * Canaries of a data folder: every value of the opaque columns that is long enough not to occur by chance, and ten
 * complete rows of each file, drawn by a seed, as they stand in the file and as they are submitted.
 */
import { createHash } from 'node:crypto';
import { MIN_PATTERN_BYTES } from './searcher.ts';

/** One text that must not be found. */
export interface Canary {
  readonly text: string;
  /** Where it comes from: file and column, for reports that must not repeat the text. */
  readonly origin: string;
}

/** A table whose rows are lists of texts in the order of `columns`. */
export interface CanaryTable {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Complete rows taken from each file. */
const ROWS_A_FILE = 10;

/** The canaries of tables, each text once. */
export function canariesOf(
  tables: readonly CanaryTable[],
  opaqueColumns: readonly string[],
  seed: string,
): readonly Canary[] {
  const found = new Map<string, Canary>();
  const add = (text: string, origin: string): void => {
    if (Buffer.byteLength(text) >= MIN_PATTERN_BYTES && !found.has(text)) found.set(text, { text, origin });
  };
  for (const { file, columns, rows } of tables) {
    const opaque = columns.flatMap((column, index) => (opaqueColumns.includes(column) ? [{ column, index }] : []));
    for (const row of rows) for (const { column, index } of opaque) add(row[index] ?? '', `${file} ${column}`);
    for (const row of drawRows(rows, `${seed} ${file}`)) {
      add(row.join(','), `${file} row as CSV`);
      add(JSON.stringify(row), `${file} row as JSON`);
    }
  }
  return [...found.values()];
}

/** Rows with the smallest hashes under the seed: random to look at, the same for the same seed. */
function drawRows(rows: CanaryTable['rows'], seed: string): CanaryTable['rows'] {
  const ranked = rows.map((row, index) => ({
    row,
    rank: createHash('sha256').update(`${seed} ${index}`).digest('hex'),
  }));
  return ranked
    .sort((left, right) => (left.rank < right.rank ? -1 : 1))
    .slice(0, ROWS_A_FILE)
    .map(({ row }) => row);
}
