/** `cloister demo aml`: the demonstration that `npm start` plays. */
import { runAmlCommand } from '../../demo/aml/command.ts';
import { followLifeline } from '../../testnet/lifeline.ts';

interface DemoOptions {
  readonly data?: string | undefined;
  readonly seed?: string | undefined;
  readonly keep?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** Runs the command. */
export const run = ({ data, seed, keep, json }: DemoOptions): Promise<number> => {
  followLifeline();
  return runAmlCommand({ data, seed, keep, json }, { out: process.stdout, err: process.stderr });
};
