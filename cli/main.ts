/** The command line's process: parses, runs one command, and turns every failure into one line and an exit code. */
import { CommanderError } from 'commander';
import type { CloisterError } from '../protocol/errors.ts';
import { exitCodeOf, exitCodes } from '../node/exit-codes.ts';
import { usageError } from './errors.ts';
import { printFailure } from './output.ts';
import { buildProgram } from './program.ts';

/** A message of the parser as our error: its sentence, and its guess what was meant. */
const usageOf = ({ message }: CommanderError): CloisterError => {
  const [sentence = '', guess] = message.replace(/^error: /, '').split('\n');
  const meant = guess?.replace(/^\(|\)$/g, '');
  const text = `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`.replace(/\.\.$/, '.');
  return meant === undefined ? usageError(text) : usageError(text, `${meant} Run with --help to see what there is.`);
};

/** Runs the command line; resolves to the exit code. */
export const runCommandLine = async (argumentList: readonly string[]): Promise<number> => {
  const json = argumentList.includes('--json');
  try {
    await buildProgram().parseAsync(argumentList, { from: 'user' });
    return Number(process.exitCode ?? exitCodes.ok);
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      printFailure({ json }, error);
      return exitCodeOf(error);
    }
    if (error.exitCode === 0) return exitCodes.ok;
    // Without a command the parser has printed the overview already.
    if (error.code !== 'commander.help') printFailure({ json }, usageOf(error));
    return exitCodes.usage;
  }
};

if (process.argv[1] === import.meta.filename) {
  // What an interrupted command still waits for must not keep the process.
  process.exit(await runCommandLine(process.argv.slice(2)));
}
