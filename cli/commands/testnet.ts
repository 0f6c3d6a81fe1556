/** `cloister testnet`: a local network that stays up until it is interrupted. */
import { platformNotice } from '../../protocol/receipt.ts';
import { toHex } from '../../protocol/hex.ts';
import type { LogLevel } from '../../node/logger.ts';
import { networkPaths } from '../../testnet/directory.ts';
import { followLifeline } from '../../testnet/lifeline.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';
import { logLevelOf } from '../log-level.ts';
import { note, type OutputOptions, printResult } from '../output.ts';
import { interruption } from '../interruption.ts';

interface TestnetOptions extends OutputOptions {
  readonly dir?: string | undefined;
  readonly validators?: number | undefined;
  readonly portBase?: number | undefined;
  readonly logLevel?: string | undefined;
}

const announce = (options: TestnetOptions, network: LocalNetwork, seconds: number): void => {
  const { chainId, directory, genesis, nodes, accounts } = network;
  const ready = {
    event: 'ready',
    chainId,
    apis: network.apis,
    operations: nodes.map((node) => node.operations),
    accounts: accounts.map(({ name, publicKey, account }) => ({ name, publicKey, seed: toHex(account.exportSeed()) })),
    accountsFile: networkPaths(directory).accounts,
    genesisFile: networkPaths(directory).genesis,
    pids: nodes.map((node) => ({ name: node.name, ...node.pids })),
    nodes: nodes.map(({ name, home, api, operations, p2p, logFile }) => ({
      name,
      home,
      api,
      operations,
      p2p,
      logFile,
    })),
    directory,
    platform: genesis.platform,
    notice: platformNotice(genesis.platform),
    seconds,
  };
  printResult(options, ready, [
    ...nodes.map(
      ({ name, api, operations, pids }) =>
        `${name} ready: api ${api}, operations ${operations}, node process ${pids.node}, enclave process ${pids.enclave}`,
    ),
    `Chain ${chainId}, ready after ${seconds.toFixed(1)} s.`,
    `Directory ${directory}; accounts ${accounts.map(({ name }) => name).join(', ')} in accounts.json, for testing only.`,
    platformNotice(genesis.platform),
  ]);
};

/** Tells the person when a node ends although nobody asked it to. */
const watch = (node: NodeProcess, stopping: AbortSignal): void => {
  void node.exited.then(({ code, signal, failure }) => {
    if (stopping.aborted) return;
    const reason =
      failure === undefined ? `exit code ${code}, signal ${signal}` : `${failure.code}: ${failure.message}`;
    note(
      `${node.name} ended (${reason}). Its log: ${node.logFile}. Start it again: cloister start --home ${node.home}`,
    );
  });
};

/** Runs the command. */
export const run = async (options: TestnetOptions): Promise<void> => {
  followLifeline();
  const interrupted = interruption();
  const stopping = new AbortController();
  void interrupted.then(() => stopping.abort());
  const started = performance.now();
  const logLevel: LogLevel | undefined = logLevelOf(options.logLevel);
  const { dir: directory, validators, portBase } = options;
  const { signal } = stopping;
  const network = await LocalNetwork.start({
    directory,
    validators,
    portBase,
    logLevel,
    signal,
    progress: (step) => note(`… ${step}`),
  }).catch((error: unknown) => {
    if (signal.aborted) return undefined;
    throw error;
  });
  if (network === undefined) return;
  try {
    announce(options, network, (performance.now() - started) / 1_000);
    for (const node of network.nodes) watch(node, signal);
    if (options.json !== true) note('Press Ctrl-C to stop.');
    await interrupted;
  } finally {
    stopping.abort();
    note('Stopping …');
    await network[Symbol.asyncDispose]();
  }
};
