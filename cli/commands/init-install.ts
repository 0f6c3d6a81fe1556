/** `cloister init install`: puts the agreed genesis and this machine's settings into a home. */
import { resolve } from 'node:path';
import { installGenesis } from '../../node/ceremony.ts';
import { homePaths, readGenesis, readOptional } from '../../node/home.ts';
import { BUILT_BUNDLE } from '../../testnet/founding.ts';
import { readDescriptors } from '../descriptors.ts';
import { type OutputOptions, printResult } from '../output.ts';

interface InitInstallOptions extends OutputOptions {
  readonly home: string;
  readonly genesis: string;
  readonly portBase: number;
}

/** Runs the command. */
export const run = async (options: InitInstallOptions, [paths]: readonly [readonly string[]]): Promise<void> => {
  const home = resolve(options.home);
  const genesis = await readGenesis(options.genesis);
  const descriptors = await readDescriptors(paths);
  const profile = (await readOptional(homePaths(home).observerDescriptor)) === undefined ? 'validator' : 'observer';
  const [own] = await readDescriptors([
    profile === 'validator' ? homePaths(home).descriptor : homePaths(home).observerDescriptor,
  ]);
  const { portBase } = options;
  const chainId = await installGenesis(home, genesis, {
    'node.profile': profile,
    'network.listen': `/ip4/0.0.0.0/tcp/${portBase}`,
    'network.peers': descriptors
      .filter(({ name }) => name !== own?.name)
      .map(({ name, address }) => `${name}@${address}`),
    'api.port': portBase + 1,
    'operations.port': portBase + 2,
    'log.file': `${home}/node.log`,
    'enclave.bundle': BUILT_BUNDLE,
  });
  printResult(options, { chainId, home }, [`Chain ${chainId}. Start it: cloister start --home ${options.home}`]);
};
