/**
 * The demonstration as a command: progress on stderr, the summary or one JSON object on stdout, an exit code. Shared by
 * `npm start` and `cloister demo aml`.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { exitCodes } from '../../node/exit-codes.ts';
import { interruptedExitCode, interruption } from '../../testnet/interruption.ts';
import { CallRefused, isCloisterError } from '../../wallet/index.ts';
import { AmlDataError } from './errors.ts';
import { streamProgress } from './progress.ts';
import { type AmlDemoOutcome, runAmlDemo } from './run.ts';
import { summaryOf } from './summary.ts';

/** Options of the command. */
export interface AmlCommandOptions {
  /** Data folder; a small set is generated unless given. */
  readonly data?: string | undefined;
  readonly keep?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly seed?: string | undefined;
  /** Folder below which the receipt is kept. */
  readonly directory?: string | undefined;
}

/** Where the command writes. */
export interface AmlCommandStreams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}

/** Runs the demonstration and returns the exit code: 0 only when every check held. */
export async function runAmlCommand(options: AmlCommandOptions, { out, err }: AmlCommandStreams): Promise<number> {
  const { data, keep = false, json = false, seed, directory } = options;
  if (data !== undefined && !existsSync(data)) {
    err.write(`There is no folder ${data}. Give a folder with params.json and world/bank_<name>.csv.\n`);
    return exitCodes.usage;
  }
  const signal = interruption();
  let outcome: AmlDemoOutcome;
  try {
    outcome = await runAmlDemo({ dataDir: data, seed, directory, keep, signal, progress: streamProgress(err) });
  } catch (error) {
    if (signal.aborted) {
      err.write('Stopped.\n');
      return interruptedExitCode(signal);
    }
    err.write(`${problemOf(error)}\n`);
    return error instanceof AmlDataError ? exitCodes.usage : exitCodes.failure;
  }
  out.write(json ? `${JSON.stringify(outcome.report)}\n` : `\n${summaryOf(outcome)}`);
  if (json) for (const { name, found } of outcome.failed) err.write(`did not hold: ${name}: ${found}\n`);
  if (keep) await untilStopped(outcome, signal, err);
  if (outcome.failed.length > 0) return exitCodes.failure;
  return signal.aborted ? interruptedExitCode(signal) : exitCodes.ok;
}

/** A sentence and a next step for what ended the demonstration early. */
function problemOf(error: unknown): string {
  if (error instanceof AmlDataError) {
    return `The data folder cannot be used: ${error.message} --help describes the layout.`;
  }
  if (error instanceof CallRefused)
    return `The contract refused a party's call: ${error.reason} ${JSON.stringify(error.detail ?? {})}. Correct the data and run again.`;
  if (isCloisterError(error)) return `${error.code}: ${error.message} ${error.hint} ${JSON.stringify(error.data)}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Prints where a kept network answers, and stops it when asked to. */
async function untilStopped(
  { apis, chainId, deserted, stop }: AmlDemoOutcome,
  signal: AbortSignal,
  err: NodeJS.WriteStream,
): Promise<void> {
  err.write(`The network stays up until Ctrl-C. Chain id ${chainId}\n${apis.map((api) => `  ${api}\n`).join('')}`);
  if (!signal.aborted) await Promise.race([once(signal, 'abort'), deserted]);
  await stop();
}
