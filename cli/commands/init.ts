/** `cloister init`: founds a whole local network without starting it. */
import { resolve } from 'node:path';
import { platformNotice } from '../../protocol/receipt.ts';
import { DirectoryLock, networkPaths, readNetworkFile } from '../../testnet/directory.ts';
import { testnetErrors } from '../../testnet/errors.ts';
import { apiUrls, DEFAULT_VALIDATORS, foundNetwork } from '../../testnet/founding.ts';
import { claimFreePorts, claimPorts } from '../../testnet/ports.ts';
import { mkdir } from 'node:fs/promises';
import { usageError } from '../errors.ts';
import { readMembers } from '../members.ts';
import { note, type OutputOptions, printResult } from '../output.ts';

interface InitOptions extends OutputOptions {
  readonly dir?: string | undefined;
  readonly validators?: number | undefined;
  readonly name: string;
  readonly portBase?: number | undefined;
  readonly members?: string | undefined;
  readonly threshold?: number | undefined;
}

/** Runs the command. */
export const run = async (options: InitOptions): Promise<void> => {
  if (options.dir === undefined)
    throw usageError(
      'The directory of the new network is missing.',
      'Give --dir, or see `cloister init --help` for separate operators.',
    );
  const directory = resolve(options.dir);
  const { validators = DEFAULT_VALIDATORS, portBase, threshold } = options;
  const members = options.members === undefined ? undefined : await readMembers(options.members);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await using _lock = await DirectoryLock.acquire(directory);
  if ((await readNetworkFile(directory)) !== undefined)
    throw testnetErrors.error('TESTNET_DIRECTORY_NOT_EMPTY', { directory });
  await using ports =
    portBase === undefined ? await claimFreePorts(validators) : await claimPorts(portBase, validators);
  const progress = (step: string): void => note(`… ${step}`);
  const { genesis, chainId, file } = await foundNetwork(
    { directory, network: options.name, validators, members, threshold, progress },
    ports.base,
  );
  const homes = file.validators.map((name) => networkPaths(directory).home(name));
  const facts = {
    chainId,
    directory,
    homes,
    apis: apiUrls(file),
    platform: genesis.platform,
    notice: platformNotice(genesis.platform),
  };
  printResult(options, facts, [
    `Network ${genesis.network} with ${validators} validators, chain ${chainId}`,
    ...homes.map((home) => `  ${home}`),
    platformNotice(genesis.platform),
    `Start all: cloister testnet --dir ${options.dir}. Start one: cloister start --home ${homes[0]}`,
  ]);
};
