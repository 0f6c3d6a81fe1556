/**
 * Founding a local network: the ceremonies of all validators at once, the genesis, developer accounts and every node's
 * settings. An interrupted founding leaves no `network.json` and is begun anew.
 */
import { spawn } from 'node:child_process';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ChainId } from '../protocol/brand.ts';
import { chainIdOf, type Genesis, type Member, type Parameters } from '../protocol/genesis.ts';
import { assembleGenesis, createHome, createObserverHome, installGenesis } from '../node/ceremony.ts';
import type { SettingName } from '../node/config.ts';
import { readGenesis, writeFileDurably } from '../node/home.ts';
import { readOrCreateSimulatedRoot } from '../node/simulated-processor.ts';
import { createDeveloperAccounts, type DeveloperAccount, readAccounts, writeAccounts } from './accounts.ts';
import { clearUnfinished, NETWORK_FORMAT, type NetworkFile, networkPaths, writeNetworkFile } from './directory.ts';
import { testnetErrors } from './errors.ts';
import { PORTS_PER_VALIDATOR } from './ports.ts';

/** What a new network is made of. */
export interface FoundingOptions {
  /** Empty or new directory. */
  readonly directory: string;
  readonly network?: string | undefined;
  readonly validators?: number | undefined;
  /** Governing members; the developer accounts unless given. */
  readonly members?: readonly Member[] | undefined;
  readonly threshold?: number | undefined;
  readonly parameters?: Partial<Parameters> | undefined;
  /** Enclave bundle that the genesis measures; built from the sources unless given. */
  readonly enclaveBundle?: string | undefined;
  /** Called with each step, for the person who waits. */
  readonly progress?: ((step: string) => void) | undefined;
  /** Gives up; what was begun is begun anew the next time. */
  readonly signal?: AbortSignal | undefined;
}

/** A founded network as it lies in its directory. */
export interface Foundation {
  readonly directory: string;
  readonly file: NetworkFile;
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly accounts: readonly DeveloperAccount[];
}

/** Validators of a network unless asked otherwise: the smallest number that tolerates one liar. */
export const DEFAULT_VALIDATORS = 4;
const DEFAULT_NETWORK = 'local';

/** Parameters of a network whose messages stay on one machine. */
export const localParameters: Partial<Parameters> = { baseTimeoutMs: 300, maxTimeoutMs: 5_000, heartbeatMs: 15_000 };

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BUNDLE_SCRIPT = fileURLToPath(new URL('../scripts/build-enclave.ts', import.meta.url));
/** Where the enclave bundle lies once built. */
export const BUILT_BUNDLE = fileURLToPath(new URL('../dist/enclave.mjs', import.meta.url));

/** Builds the enclave bundle in a process of its own. Throws TESTNET_BUILD_FAILED. */
export const buildBundle = (signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BUNDLE_SCRIPT], { cwd: ROOT, stdio: 'ignore', signal });
    child.once('error', (cause) => reject(testnetErrors.error('TESTNET_BUILD_FAILED', {}, cause)));
    child.once('exit', (code) =>
      code === 0 ? resolve() : reject(testnetErrors.error('TESTNET_BUILD_FAILED', { exitCode: code ?? -1 })),
    );
  });

/** Multiaddress at which a validator of a local network listens for peers. */
export const peerAddress = (portBase: number, index: number, host = '127.0.0.1'): string =>
  `/ip4/${host}/tcp/${portBase + PORTS_PER_VALIDATOR * index}`;

/** Settings of a node, by dotted name. */
export type NodeSettings = Readonly<Partial<Record<SettingName, string | number | readonly string[]>>>;

/** Settings of one node of a local network. */
export const nodeSettings = (directory: string, file: NetworkFile, index: number): NodeSettings => {
  const name = file.validators[index] ?? '';
  const port = file.portBase + PORTS_PER_VALIDATOR * index;
  return {
    'network.listen': peerAddress(file.portBase, index),
    'network.peers': file.validators.flatMap((peer, peerIndex) =>
      peerIndex === index ? [] : [`${peer}@${peerAddress(file.portBase, peerIndex)}`],
    ),
    'api.port': port + 1,
    'operations.port': port + 2,
    'log.file': `${networkPaths(directory).home(name)}/node.log`,
    'enclave.bundle': networkPaths(directory).bundle,
  };
};

const installAll = async (directory: string, file: NetworkFile, genesis: Genesis): Promise<void> => {
  const { home } = networkPaths(directory);
  await Promise.all(
    file.validators.map((name, index) => installGenesis(home(name), genesis, nodeSettings(directory, file, index))),
  );
};

/** Founds a network in a directory whose ports were chosen. Throws TESTNET_DIRECTORY_NOT_EMPTY, GENESIS_INVALID. */
export const foundNetwork = async (options: FoundingOptions, portBase: number): Promise<Foundation> => {
  const { directory, validators = DEFAULT_VALIDATORS, progress, signal } = options;
  const paths = networkPaths(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await clearUnfinished(directory);
  await writeFileDurably(paths.founding, '{}\n');
  const { enclaveBundle = BUILT_BUNDLE } = options;
  if (enclaveBundle === BUILT_BUNDLE) {
    progress?.('building the enclave');
    await buildBundle(signal);
  }
  await copyFile(enclaveBundle, paths.bundle);
  signal?.throwIfAborted();
  progress?.(`creating ${validators} validators`);
  const root = await readOrCreateSimulatedRoot(paths.simulatedRoot);
  const names = Array.from({ length: validators }, (_, index) => `validator-${index + 1}`);
  const descriptors = await Promise.all(
    names.map((name, index) =>
      createHome({
        home: paths.home(name),
        name,
        address: peerAddress(portBase, index),
        bundlePath: paths.bundle,
        root,
      }),
    ),
  );
  const accounts = createDeveloperAccounts();
  const genesis = assembleGenesis({
    network: options.network ?? DEFAULT_NETWORK,
    timeMs: Date.now(),
    simRoot: root.publicKey,
    descriptors,
    members: options.members ?? accounts.map(({ name, publicKey }) => ({ name, key: publicKey })),
    threshold: options.threshold ?? 1,
    parameters: { ...localParameters, ...options.parameters },
  });
  const file: NetworkFile = { format: NETWORK_FORMAT, network: genesis.network, validators: names, portBase };
  await writeAccounts(paths.accounts, accounts);
  await writeFileDurably(paths.genesis, `${JSON.stringify(genesis, null, 2)}\n`);
  await installAll(directory, file, genesis);
  await writeNetworkFile(directory, file);
  await rm(paths.founding, { force: true });
  return { directory, file, genesis, chainId: chainIdOf(genesis), accounts };
};

/** Creates the home of a machine that is to join a founded network; its descriptor is what members let in. */
export const createJoiningHome = async (
  { directory, genesis, file }: Foundation,
  name: string,
  profile: 'validator' | 'observer',
  portBase: number,
): Promise<{ readonly home: string; readonly settings: NodeSettings }> => {
  const paths = networkPaths(directory);
  const home = paths.home(name);
  await mkdir(home, { recursive: true, mode: 0o700 });
  const address = peerAddress(portBase, 0);
  if (profile === 'observer') await createObserverHome(home, { name, address }, undefined);
  else {
    const root = await readOrCreateSimulatedRoot(paths.simulatedRoot);
    await createHome({ home, name, address, bundlePath: paths.bundle, root });
  }
  const settings: NodeSettings = {
    'node.profile': profile,
    'network.listen': address,
    'network.peers': file.validators.map((peer, index) => `${peer}@${peerAddress(file.portBase, index)}`),
    'api.port': portBase + 1,
    'operations.port': portBase + 2,
    'log.file': `${home}/node.log`,
    'enclave.bundle': paths.bundle,
  };
  await installGenesis(home, genesis, settings);
  return { home, settings };
};

/** Opens a founded network, moved to other ports if need be. */
export const openFoundation = async (directory: string, found: NetworkFile, portBase: number): Promise<Foundation> => {
  const paths = networkPaths(directory);
  const genesis = await readGenesis(paths.genesis);
  const accounts = await readAccounts(paths.accounts);
  const file = { ...found, portBase };
  if (portBase !== found.portBase) {
    await installAll(directory, file, genesis);
    await writeNetworkFile(directory, file);
  }
  return { directory, file, genesis, chainId: chainIdOf(genesis), accounts };
};

/** URLs of the client API of every validator of a local network. */
export const apiUrls = (file: NetworkFile): string[] =>
  file.validators.map((_name, index) => `http://127.0.0.1:${file.portBase + PORTS_PER_VALIDATOR * index + 1}`);
