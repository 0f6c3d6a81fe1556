/** `npm start`: the AML demonstration. Options are read here; everything else is demo/aml/command.ts. */
import { parseArgs } from 'node:util';
import { runAmlCommand } from '../demo/aml/command.ts';
import { DATA_LAYOUT } from '../demo/aml/data-layout.ts';
import { exitCodes } from '../node/exit-codes.ts';
import { followLifeline } from '../testnet/lifeline.ts';

const HELP = `Usage: npm start -- [options]

Starts a local network of 4 validators, deploys the AML contract, and lets five banks, the financial
intelligence unit and the regulator find money laundering that no bank could see alone.

  --data DIR   data folder: params.json and world/bank_<name>.csv; a small set is generated unless given
  --seed TEXT  seed of the generated data
  --keep       leave the network running until Ctrl-C
  --json       print one JSON object instead of the summary
  --help       show this

${DATA_LAYOUT}
Exit code 0 only if every check held; 1 if one did not; 2 for wrong options or data.
`;

const usage = (problem: string): number => {
  process.stderr.write(`${problem}\n\n${HELP}`);
  return exitCodes.usage;
};

const main = async (): Promise<number> => {
  let values: { readonly [name in 'data' | 'seed']?: string } & {
    readonly [name in 'keep' | 'json' | 'help']?: boolean;
  };
  try {
    ({ values } = parseArgs({
      options: {
        data: { type: 'string' },
        seed: { type: 'string' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }));
  } catch (error) {
    return usage(error instanceof Error ? error.message : 'Wrong options.');
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    return exitCodes.ok;
  }
  if (values.data !== undefined && values.seed !== undefined)
    return usage('--seed is for generated data; it cannot go with --data.');
  const { data, seed, keep, json } = values;
  return runAmlCommand({ data, seed, keep, json }, { out: process.stdout, err: process.stderr });
};

followLifeline();
// What an interrupted play still waits for must not keep the process.
process.exit(await main());
