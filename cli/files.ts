/** Reading what the person named: files, JSON, passphrases. Failures name the path, never the content. */
import { readFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';
import { cliErrors } from './errors.ts';

/** Text of a file. Throws CONFIG_FILE_MISSING. */
export const readTextFile = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw cliErrors.error('CONFIG_FILE_MISSING', { path }, cause);
  }
};

/** Parsed JSON of an argument, or of standard input for `-`; null when absent. Throws USAGE_NOT_JSON. */
export const readJsonArgument = async (argument: string | undefined): Promise<unknown> => {
  if (argument === undefined) return null;
  const text = argument === '-' ? await readStandardInput() : argument;
  try {
    return JSON.parse(text);
  } catch {
    // Without cause: a parser's message may quote confidential arguments.
    throw cliErrors.error('USAGE_NOT_JSON');
  }
};

const readStandardInput = async (): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const part of process.stdin) parts.push(part as Uint8Array);
  return Buffer.concat(parts).toString('utf8');
};

/** Where a passphrase may come from. */
export interface PassphraseOptions {
  readonly passphraseFile?: string | undefined;
}

const ask = async (question: string): Promise<string> => {
  // The terminal shows the question but echoes nothing.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  process.stderr.write(question);
  const prompt = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    return await prompt.question('');
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
};

/** A passphrase that is stored somewhere: in a file, or in the environment. */
const storedPassphrase = async ({ passphraseFile }: PassphraseOptions): Promise<string | undefined> => {
  const file = passphraseFile ?? process.env['CLOISTER_PASSPHRASE_FILE'];
  if (passphraseFile === undefined && process.env['CLOISTER_PASSPHRASE'] !== undefined)
    return process.env['CLOISTER_PASSPHRASE'];
  return file === undefined ? undefined : (await readTextFile(file)).trimEnd();
};

/** A passphrase from a prompt, asked twice for a new one. Throws USAGE_NO_PASSPHRASE where nobody can be asked. */
export const askPassphrase = async (purpose: 'open' | 'create', what = 'Passphrase'): Promise<string> => {
  if (process.stdin.isTTY !== true) throw cliErrors.error('USAGE_NO_PASSPHRASE');
  const passphrase = await ask(`${what}: `);
  if (purpose === 'open') return passphrase;
  if (passphrase === '') throw cliErrors.error('USAGE_PASSPHRASE_EMPTY');
  if (passphrase !== (await ask('The same passphrase again: '))) throw cliErrors.error('USAGE_PASSPHRASE_REPEATED');
  return passphrase;
};

/** A passphrase from a file, the environment or a prompt; a new one must not be empty, and is asked for twice. */
export const readPassphrase = async (options: PassphraseOptions, purpose: 'open' | 'create'): Promise<string> => {
  const stored = await storedPassphrase(options);
  if (stored === undefined) return askPassphrase(purpose);
  if (purpose === 'create' && stored === '') throw cliErrors.error('USAGE_PASSPHRASE_EMPTY');
  return stored;
};
