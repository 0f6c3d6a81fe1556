/** `cloister testnet`: a local network that stays up until it is interrupted. */
import { once } from 'node:events';
import { quorumOf } from '../../protocol/genesis.ts';
import { platformNotice } from '../../protocol/receipt.ts';
import { toHex } from '../../protocol/hex.ts';
import type { LogLevel } from '../../node/logger.ts';
import { networkPaths } from '../../testnet/directory.ts';
import { testnetErrors } from '../../testnet/errors.ts';
import { interruptedExitCode, interruption } from '../../testnet/interruption.ts';
import { followLifeline } from '../../testnet/lifeline.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeExit, NodeProcess } from '../../testnet/node-process.ts';
import { logLevelOf } from '../log-level.ts';
import { note, type OutputOptions, printResult } from '../output.ts';

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

/** Tells the person that a node ended although nobody asked it to, and what that means for the others. */
const tellLoss = (node: NodeProcess, { code, signal, failure }: NodeExit, all: readonly NodeProcess[]): void => {
  const reason =
    failure === undefined
      ? signal === null
        ? `exit code ${code}`
        : `killed by ${signal}`
      : `${failure.code}: ${failure.message}`;
  const left = all.filter(({ isAlive }) => isAlive).length;
  const quorum = quorumOf(all.length);
  const effect =
    left >= quorum
      ? `The other ${left} go on; the network needs ${quorum}.`
      : `${left} of ${all.length} run and the network needs ${quorum}: calls wait until it has them.`;
  note(`${node.name} ended (${reason}). ${effect}`);
  note(`Its log: ${node.logFile}. Start it again: cloister start --home ${node.home}`);
};

/** Runs the command; ended by a signal, its exit code is 128 and the signal's number. */
export const run = async (options: TestnetOptions): Promise<number> => {
  followLifeline();
  const signal = interruption();
  const started = performance.now();
  const logLevel: LogLevel | undefined = logLevelOf(options.logLevel);
  const { dir: directory, validators, portBase } = options;
  let network: LocalNetwork | undefined;
  try {
    network = await LocalNetwork.start({
      directory,
      validators,
      portBase,
      logLevel,
      signal,
      progress: (step) => note(`… ${step}`),
      onLost: (node, exit) => network && tellLoss(node, exit, network.nodes),
    });
    announce(options, network, (performance.now() - started) / 1_000);
    if (options.json !== true) note('Press Ctrl-C to stop.');
    await Promise.race([once(signal, 'abort'), network.deserted]);
    if (!signal.aborted) throw testnetErrors.error('TESTNET_DESERTED', { directory: network.directory });
    note('Stopping …');
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await network?.[Symbol.asyncDispose]();
  }
  return interruptedExitCode(signal);
};
