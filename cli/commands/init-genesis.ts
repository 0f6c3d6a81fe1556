/** `cloister init genesis`: assembles the genesis of separate operators. */
import type { PublicKey } from '../../protocol/brand.ts';
import { chainIdOf } from '../../protocol/genesis.ts';
import { platformNotice } from '../../protocol/receipt.ts';
import { assembleGenesis } from '../../node/ceremony.ts';
import { writeFileDurably } from '../../node/home.ts';
import { readDescriptors } from '../descriptors.ts';
import { readMembers } from '../members.ts';
import { type OutputOptions, printResult } from '../output.ts';

interface InitGenesisOptions extends OutputOptions {
  readonly out: string;
  readonly members: string;
  readonly simRootKey: string;
  readonly threshold: number;
  readonly name: string;
}

/** Runs the command. */
export const run = async (options: InitGenesisOptions, [paths]: readonly [readonly string[]]): Promise<void> => {
  const genesis = assembleGenesis({
    network: options.name,
    timeMs: Date.now(),
    simRoot: options.simRootKey as PublicKey,
    descriptors: await readDescriptors(paths),
    members: await readMembers(options.members),
    threshold: options.threshold,
  });
  await writeFileDurably(options.out, `${JSON.stringify(genesis, null, 2)}\n`);
  const chainId = chainIdOf(genesis);
  printResult(
    options,
    { chainId, genesis: options.out, validators: genesis.validators.length, platform: genesis.platform },
    [
      `Chain ${chainId}: every operator compares it before \`cloister init install\`.`,
      platformNotice(genesis.platform),
    ],
  );
};
