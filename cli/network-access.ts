/** Which network a command talks to, and what it trusts: a local directory, or URLs with a chain id or genesis file. */
import type { ChainId } from '../protocol/brand.ts';
import { chainIdOf } from '../protocol/genesis.ts';
import { readGenesis } from '../node/home.ts';
import { networkPaths, readNetworkFile } from '../testnet/directory.ts';
import { apiUrls } from '../testnet/founding.ts';
import { connect, type Network } from '../wallet/connect.ts';
import { cliErrors } from './errors.ts';

/** Options that name a network. */
export interface NetworkOptions {
  readonly dir?: string | undefined;
  readonly url?: readonly string[] | undefined;
  readonly chainId?: string | undefined;
  readonly genesis?: string | undefined;
  readonly production?: boolean | undefined;
}

/** URLs of the nodes of a local network. Throws CONFIG_FILE_MISSING when the directory holds none. */
export const urlsOfDirectory = async (
  directory: string,
): Promise<{ readonly name: string; readonly url: string }[]> => {
  const file = await readNetworkFile(directory);
  if (file === undefined) throw cliErrors.error('CONFIG_FILE_MISSING', { path: networkPaths(directory).network });
  const urls = apiUrls(file);
  return file.validators.map((name, index) => ({ name, url: urls[index] ?? '' }));
};

/** The chain id that the options trust; undefined when they name none. Throws USAGE_ANCHORS_DIFFER. */
export const trustedChainId = async ({ chainId, genesis, dir }: NetworkOptions): Promise<ChainId | undefined> => {
  const ofGenesis = genesis === undefined ? undefined : chainIdOf(await readGenesis(genesis));
  if (chainId !== undefined && ofGenesis !== undefined && chainId !== ofGenesis)
    throw cliErrors.error('USAGE_ANCHORS_DIFFER', { chainId, ofGenesis });
  if (chainId !== undefined) return chainId as ChainId;
  if (ofGenesis !== undefined) return ofGenesis;
  return dir === undefined ? undefined : chainIdOf(await readGenesis(networkPaths(dir).genesis));
};

/** Connects, verifying everything first. Throws USAGE_NO_NETWORK, USAGE_NO_ANCHOR or what the wallet refuses. */
export const connectTo = async (options: NetworkOptions): Promise<Network> => {
  const { dir, url, production } = options;
  const urls = url ?? (dir === undefined ? [] : (await urlsOfDirectory(dir)).map((node) => node.url));
  if (urls.length === 0) throw cliErrors.error('USAGE_NO_NETWORK');
  const chainId = await trustedChainId(options);
  if (chainId === undefined) throw cliErrors.error('USAGE_NO_ANCHOR');
  return connect({ urls, chainId, policy: { policyClass: production === true ? 'production' : 'testnet' } });
};
