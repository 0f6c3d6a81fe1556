/** How commands speak: results on stdout (text or one JSON object), everything else on stderr. */
import { CloisterError } from '../protocol/errors.ts';

/** Options that every command has. */
export interface OutputOptions {
  readonly json?: boolean | undefined;
}

/** Prints a result: one JSON object with `--json`, otherwise the lines for a person. */
export const printResult = (options: OutputOptions, value: unknown, lines: readonly string[]): void => {
  process.stdout.write(
    options.json === true ? `${JSON.stringify(value)}\n` : lines.map((line) => `${line}\n`).join(''),
  );
};

/** A note for the person at the terminal. */
export const note = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Aligned `name  value` lines. */
export const table = (rows: readonly (readonly [name: string, value: string | number])[]): string[] => {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
};

/** Aligned columns under a heading. */
export const columns = (heading: readonly string[], rows: readonly (readonly string[])[]): string[] => {
  const widths = heading.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [heading, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
};

/** A contract's value for a person: indented JSON. */
export const shown = (value: unknown): string => JSON.stringify(value, null, 2) ?? 'null';

const dataText = (data: CloisterError['data']): string => {
  const entries = Object.entries(data);
  return entries.length === 0 ? '' : ` (${entries.map(([name, value]) => `${name}: ${value}`).join(', ')})`;
};

/** Reason and detail that a contract sealed to this caller; `CallRefused` keeps them out of `data`, away from logs. */
const reasonOf = (error: CloisterError): Readonly<Record<string, unknown>> =>
  'reason' in error && typeof error.reason === 'string'
    ? { reason: error.reason, ...('detail' in error && error.detail !== undefined ? { detail: error.detail } : {}) }
    : {};

const fieldsOf = (error: unknown) =>
  error instanceof CloisterError
    ? {
        code: error.code as string,
        message: error.message,
        hint: error.hint,
        retryable: error.retryable,
        data: { ...error.data, ...reasonOf(error) },
      }
    : {
        code: 'INTERNAL',
        message: 'An unexpected failure stopped the command.',
        hint: 'Run it again with CLOISTER_DEBUG=1 and report what it prints.',
        retryable: false,
        data: {},
      };

/** Prints a failure on one line: code, sentence, facts and next step; never a stack. With `--json` as an object on stdout too. */
export const printFailure = (options: OutputOptions, error: unknown): void => {
  const { data, ...fields } = fieldsOf(error);
  if (options.json === true) process.stdout.write(`${JSON.stringify({ error: { ...fields, data } })}\n`);
  const facts = Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : value]),
  );
  process.stderr.write(`${fields.code}: ${fields.message}${dataText(facts as CloisterError['data'])} ${fields.hint}\n`);
  if (process.env['CLOISTER_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
};
