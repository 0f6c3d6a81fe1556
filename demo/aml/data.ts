/**
 * Reads a folder of the layout `params.json` + `world/bank_<name>.csv`: the banks, the rules with their thresholds, the
 * release quorum, and each bank's rows. Whatever is missing or malformed is named with its file and line; nothing else
 * in the folder is opened. Rows are not judged here: the contract does that.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { RULE_NAMES, type RuleName } from '../../apps/aml/detect/rules.ts';
import { TRANSFER_COLUMNS, type TransferRow } from '../../apps/aml/types.ts';
import { AmlDataError } from './errors.ts';

/** Everything a consortium brings to the demonstration. */
export interface AmlData {
  readonly banks: readonly { readonly name: string; readonly rows: readonly TransferRow[] }[];
  readonly rules: readonly { readonly rule: RuleName; readonly thresholds: Readonly<Record<string, number>> }[];
  readonly release: { readonly approvals_needed: number; readonly of: number };
}

const BANK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/;
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Reads and checks the folder; throws `AmlDataError` with file, line and what is expected there. */
export async function readAmlData(directory: string): Promise<AmlData> {
  const params = objectIn('params.json', parseJson(await readText(directory, 'params.json')), 'the file');
  const names = bankNames(params['banks']);
  const release = releaseOf(params['release'], names.length);
  const rules = rulesOf(params['world_rules']);
  const banks: { name: string; rows: readonly TransferRow[] }[] = [];
  for (const name of names) {
    const file = path.posix.join('world', `bank_${name}.csv`);
    banks.push({ name, rows: parseTransfers(file, await readText(directory, file)) });
  }
  return { banks, rules, release };
}

async function readText(directory: string, file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path.join(directory, file));
  } catch (cause) {
    throw new AmlDataError(file, undefined, 'the file cannot be read', cause);
  }
  if (bytes.length > MAX_FILE_BYTES)
    throw new AmlDataError(file, undefined, `the file is larger than ${MAX_FILE_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AmlDataError(file, undefined, 'the file is not UTF-8 text', cause);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new AmlDataError('params.json', undefined, 'the file is not JSON', cause);
  }
}

function objectIn(file: string, value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, unknown>>;
  throw new AmlDataError(file, undefined, `${what} must be an object`);
}

function bankNames(value: unknown): readonly string[] {
  const good =
    Array.isArray(value) &&
    value.length >= 3 &&
    value.every((name) => typeof name === 'string' && BANK_NAME.test(name));
  if (!good || new Set(value).size !== value.length) {
    throw new AmlDataError(
      'params.json',
      undefined,
      'banks must be a list of at least 3 different names of letters and digits',
    );
  }
  return value as readonly string[];
}

function releaseOf(value: unknown, bankCount: number): AmlData['release'] {
  const { approvals_needed: needed, of } = objectIn('params.json', value, 'release');
  if (of !== bankCount) throw new AmlDataError('params.json', undefined, 'release.of must be the number of banks');
  if (!Number.isSafeInteger(needed) || (needed as number) < 2 || (needed as number) > bankCount) {
    throw new AmlDataError('params.json', undefined, 'release.approvals_needed must be from 2 to the number of banks');
  }
  return { approvals_needed: needed as number, of: bankCount };
}

function rulesOf(value: unknown): AmlData['rules'] {
  const given = objectIn('params.json', value, 'world_rules');
  for (const name of Object.keys(given)) {
    if (!(RULE_NAMES as readonly string[]).includes(name)) {
      throw new AmlDataError(
        'params.json',
        undefined,
        `world_rules.${name} is no known rule (${RULE_NAMES.join(', ')})`,
      );
    }
  }
  const rules = RULE_NAMES.filter((rule) => rule in given).map((rule) => {
    const thresholds = objectIn('params.json', given[rule], `world_rules.${rule}`);
    for (const [key, threshold] of Object.entries(thresholds)) {
      if (!Number.isSafeInteger(threshold))
        throw new AmlDataError('params.json', undefined, `world_rules.${rule}.${key} must be an integer`);
    }
    return { rule, thresholds: thresholds as Readonly<Record<string, number>> };
  });
  if (rules.length === 0) throw new AmlDataError('params.json', undefined, 'world_rules must name at least one rule');
  return rules;
}

/** Parses a transfer file: a header with exactly the known columns in any order, then one row a line. */
export function parseTransfers(file: string, text: string): readonly TransferRow[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  const header = splitLine(file, 1, lines[0] ?? '');
  const order = TRANSFER_COLUMNS.map((column) => header.indexOf(column));
  if (header.length !== TRANSFER_COLUMNS.length || order.includes(-1)) {
    throw new AmlDataError(file, 1, `the header must name the columns ${TRANSFER_COLUMNS.join(', ')}`);
  }
  return lines.slice(1).map((line, index) => {
    const fields = splitLine(file, index + 2, line);
    if (fields.length !== header.length) {
      throw new AmlDataError(
        file,
        index + 2,
        `the line has ${fields.length} fields where ${header.length} are expected`,
      );
    }
    return order.map((position) => fields[position] ?? '');
  });
}

/** Splits a line of comma-separated values with quoted fields (RFC 4180), without line breaks inside a field. */
function splitLine(file: string, lineNumber: number, line: string): readonly string[] {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = field.exec(line);
    if (match === null) throw new AmlDataError(file, lineNumber, 'the line has an unbalanced quotation mark');
    fields.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
    if (match[3] === '') return fields;
  }
}
