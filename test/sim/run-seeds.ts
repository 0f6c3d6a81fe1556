/** Runs seeds by the command, in a process of its own: faster than among tests, on another core, and with nothing loaded. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ROOT } from '../support/source-tree.ts';

/** What the command reports, as far as tests look at it. */
export interface SeedsReport {
  readonly run: number;
  readonly failures: readonly unknown[];
  readonly recoveryMs: { readonly p99: number; readonly bound: number };
  readonly exercised: Readonly<Record<string, number>>;
  readonly trace: string;
}

const REPORT_BYTES = 64 * 1024 * 1024;

/** Runs a range of seeds, of whole nodes unless of the core. */
export const runSeeds = async (range: {
  readonly core?: boolean;
  readonly validators: number;
  readonly from: number;
  readonly seeds: number;
}): Promise<SeedsReport> => {
  const numbers = ['--validators', range.validators, '--from', range.from, '--seeds', range.seeds].map(String);
  const args = [
    'scripts/run.mjs',
    'scripts/simulate.ts',
    '--json',
    ...(range.core === true ? ['--core'] : []),
    ...numbers,
  ];
  const run = promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: REPORT_BYTES });
  const { stdout } = await run.catch((error: unknown) => {
    const failed = error as { readonly stdout?: string; readonly stderr?: string };
    // Failing seeds are in the report; anything else that went wrong is not.
    if (failed.stdout === undefined || failed.stdout === '') throw error;
    return { stdout: failed.stdout };
  });
  return JSON.parse(stdout) as SeedsReport;
};
