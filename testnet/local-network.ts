/**
 * A whole network on this machine: one node process and one enclave process a validator, real in every joint.
 *
 * Founded at first use of a directory, started again with its state afterwards. Disposing leaves no process behind,
 * and neither does the sudden end of this process.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve as absolute } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ChainId } from '../protocol/brand.ts';
import type { Genesis, Member, Parameters } from '../protocol/genesis.ts';
import type { LogLevel } from '../node/logger.ts';
import type { DeveloperAccount } from './accounts.ts';
import { DirectoryLock, networkPaths, readNetworkFile } from './directory.ts';
import { testnetErrors } from './errors.ts';
import {
  createJoiningHome,
  DEFAULT_VALIDATORS,
  type Foundation,
  foundNetwork,
  type NodeSettings,
  nodeSettings,
  openFoundation,
  peerAddress,
} from './founding.ts';
import { followLifeline } from './lifeline.ts';
import { type LossListener, NodeProcess } from './node-process.ts';
import type { ProcessIdentity } from './processes.ts';
import { claimFreePorts, claimPorts, type PortClaim } from './ports.ts';

/** A validator as its peers reach it. */
export interface PeerEndpoint {
  readonly index: number;
  readonly name: string;
  /** Multiaddress at which it listens. */
  readonly address: string;
}

/** Where a validator runs. */
export interface Machine {
  /** IP address on which it listens. */
  readonly host: string;
  /** What starts Node there, which has to become the node's process itself; this process's own Node unless given. */
  readonly command?: readonly string[];
}

/** How a local network is started. */
export interface LocalNetworkOptions {
  /** Where it lives; a temporary directory, removed at the end, unless given. */
  readonly directory?: string | undefined;
  /** Name of a new network. */
  readonly network?: string | undefined;
  /** Number of validators; 4 unless given. */
  readonly validators?: number | undefined;
  /** First port; the first free range unless given. */
  readonly portBase?: number | undefined;
  /** Governing members of a new network; the developer accounts unless given. */
  readonly members?: readonly Member[] | undefined;
  /** Members whose approval activates a contract; 1 unless given. */
  readonly threshold?: number | undefined;
  /** Genesis parameters of a new network that differ from the local ones. */
  readonly parameters?: Partial<Parameters> | undefined;
  /** Enclave bundle of a new network; built from the sources unless given. */
  readonly enclaveBundle?: string | undefined;
  readonly logLevel?: LogLevel | undefined;
  /** Further settings of every node, by dotted name. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Longest wait until the network is ready, ms. */
  readonly readyTimeoutMs?: number | undefined;
  readonly progress?: ((step: string) => void) | undefined;
  /** Gives up starting, at once; what was started is stopped before `start` rejects. */
  readonly signal?: AbortSignal | undefined;
  /** Whether a node that somebody else kills is started again. */
  readonly revives?: boolean | undefined;
  /** Called when a node ended although nobody here asked it to. */
  readonly onLost?: LossListener | undefined;
  /** The address at which `from` dials `to`: a place for proxies between peers. */
  readonly addressOf?: ((to: PeerEndpoint, from: PeerEndpoint) => string | Promise<string>) | undefined;
  /** Where each validator runs; on loopback unless given. */
  readonly machineOf?: ((index: number) => Machine) | undefined;
  /** How many of the validators are started, the first ones; all unless given. */
  readonly started?: number | undefined;
}

const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const LOOPBACK: Machine = { host: '127.0.0.1' };
const PROBE_TIMEOUT_MS = 2_000;

/** See the module comment. */
export class LocalNetwork implements AsyncDisposable {
  readonly directory: string;
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly portBase: number;
  readonly accounts: readonly DeveloperAccount[];
  readonly nodes: readonly NodeProcess[];
  /** Resolves when no node is left, although nobody here asked the last one to end. */
  readonly deserted: Promise<void>;
  readonly #foundation: Foundation;
  readonly #options: LocalNetworkOptions;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    foundation: Foundation,
    nodes: readonly NodeProcess[],
    options: LocalNetworkOptions,
    resources: AsyncDisposableStack,
    deserted: Promise<void>,
  ) {
    this.deserted = deserted;
    this.#foundation = foundation;
    this.#options = options;
    this.directory = foundation.directory;
    this.genesis = foundation.genesis;
    this.chainId = foundation.chainId;
    this.portBase = foundation.file.portBase;
    this.accounts = foundation.accounts;
    this.nodes = nodes;
    this.#resources = resources;
  }

  /**
   * Founds or reopens the network, starts all processes and waits until every node serves clients.
   * Throws TESTNET_RUNNING, TESTNET_MISMATCH, TESTNET_PORTS_TAKEN, TIMED_OUT or what a node failed with.
   */
  static async start(options: LocalNetworkOptions = {}): Promise<LocalNetwork> {
    followLifeline();
    await using resources = new AsyncDisposableStack();
    const directory = absolute(options.directory ?? (await temporaryDirectory(resources)));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const { signal } = options;
    const lock = resources.use(await DirectoryLock.acquire(directory, signal));
    const foundation = await foundOrOpen({ ...options, directory }, resources);
    const processes = (): ProcessIdentity[] => nodes.flatMap((node) => node.processes());
    const deserted = Promise.withResolvers<void>();
    const onLost: LossListener = (...loss) => {
      options.onLost?.(...loss);
      if (!nodes.some((node) => node.isAlive)) deserted.resolve();
    };
    const nodes: readonly NodeProcess[] = nodesOf(foundation, { ...options, onLost }, () => lock.note(processes));
    resources.defer(() => stopAll(nodes));
    signal?.throwIfAborted();
    // What waits for a node sees it end.
    const giveUp = (): void => void stopAll(nodes);
    signal?.addEventListener('abort', giveUp, { once: true });
    const starting = nodes.slice(0, options.started);
    try {
      options.progress?.(`starting ${starting.length} nodes and their enclaves`);
      const started = await Promise.allSettled(starting.map((node) => node.start()));
      for (const outcome of started) if (outcome.status === 'rejected') throw outcome.reason;
      await lock.note(processes);
      options.progress?.('waiting until every node is ready');
      await untilReady(starting, options.readyTimeoutMs);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      signal?.throwIfAborted();
    }
    return new LocalNetwork(foundation, nodes, options, resources.move(), deserted.promise);
  }

  /** URLs of the client API of every node. */
  get apis(): string[] {
    return this.nodes.map(({ api }) => api);
  }

  /** The developer account of a name. Throws RangeError for another name. */
  account(name: string): DeveloperAccount {
    const found = this.accounts.find((account) => account.name === name);
    if (found === undefined) throw new RangeError(`no account named ${name}`);
    return found;
  }

  /** Makes a further machine, which runs until the network is disposed; it is nobody until members let it in. */
  async createNode(name: string, profile: 'validator' | 'observer' = 'validator'): Promise<NodeProcess> {
    const ports = this.#resources.use(await claimFreePorts(1));
    const { home, settings } = await createJoiningHome(this.#foundation, name, profile, ports.base);
    const { logLevel } = this.#options;
    const level: Record<string, string> = logLevel === undefined ? {} : { 'log.level': logLevel };
    const node = new NodeProcess({
      name,
      index: this.nodes.length,
      home,
      api: `http://127.0.0.1:${settings['api.port']}`,
      operations: `http://127.0.0.1:${settings['operations.port']}`,
      p2p: String(settings['network.listen']),
      logFile: String(settings['log.file']),
      flags: async () => ({ ...level, ...this.#options.settings }),
      onStarted: async () => undefined,
      onLost: this.#options.onLost,
      revives: this.#options.revives,
    });
    this.#resources.defer(async () => {
      await node.stop();
    });
    return node;
  }

  /** Waits until these nodes answer that they are ready. Throws TIMED_OUT, or why a node ended. */
  waitUntilReady(timeoutMs?: number, nodes: readonly NodeProcess[] = this.nodes): Promise<void> {
    return untilReady(nodes, timeoutMs);
  }

  /** Stops every process and gives directory and ports free; removes a temporary directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** Whether a node says that it serves clients. */
export const isReady = async (node: Pick<NodeProcess, 'operations'>): Promise<boolean> => {
  try {
    const response = await fetch(`${node.operations}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
};

const untilReady = async (nodes: readonly NodeProcess[], timeoutMs = READY_TIMEOUT_MS): Promise<void> => {
  const deadline = performance.now() + timeoutMs;
  await Promise.all(nodes.map((node) => waitForReady(node, deadline)));
};

const waitForReady = async (node: NodeProcess, deadline: number): Promise<void> => {
  while (!(await isReady(node))) {
    if (!node.isAlive)
      throw (
        (await node.exited).failure ??
        testnetErrors.error('TESTNET_NODE_ENDED', { validator: node.name, logFile: node.logFile })
      );
    if (performance.now() > deadline)
      throw testnetErrors.error('TIMED_OUT', { validator: node.name, logFile: node.logFile });
    await delay(POLL_MS);
  }
};

const stopAll = async (nodes: readonly NodeProcess[]): Promise<void> => {
  await Promise.all(nodes.map((node) => node.stop()));
};

const temporaryDirectory = async (resources: AsyncDisposableStack): Promise<string> => {
  const directory = await mkdtemp(join(tmpdir(), 'cloister-testnet-'));
  resources.defer(() => rm(directory, { recursive: true, force: true }));
  return directory;
};

const foundOrOpen = async (
  options: LocalNetworkOptions & { readonly directory: string },
  resources: AsyncDisposableStack,
): Promise<Foundation> => {
  const { directory, portBase, validators } = options;
  const found = await readNetworkFile(directory);
  const count = found?.validators.length ?? validators ?? DEFAULT_VALIDATORS;
  if (validators !== undefined && validators !== count) {
    throw testnetErrors.error('TESTNET_MISMATCH', { option: 'validators', given: validators, founded: count });
  }
  const ports = resources.use(await choosePorts(count, portBase, found?.portBase));
  return found === undefined ? foundNetwork(options, ports.base) : openFoundation(directory, found, ports.base);
};

/** The ports asked for, those of the last run, or the first that are free. */
const choosePorts = async (
  validators: number,
  asked: number | undefined,
  last: number | undefined,
): Promise<PortClaim> => {
  if (asked !== undefined) return claimPorts(asked, validators);
  if (last === undefined) return claimFreePorts(validators);
  return claimPorts(last, validators).catch(() => claimFreePorts(validators));
};

const listeningOn = ({ host }: Machine, portBase: number, index: number): NodeSettings => ({
  'network.listen': peerAddress(portBase, index, host),
  'api.host': host,
  'operations.host': host,
});

const nodesOf = (
  { directory, file }: Foundation,
  options: LocalNetworkOptions,
  onStarted: () => Promise<void>,
): NodeProcess[] => {
  const { machineOf = () => LOOPBACK } = options;
  const machines = file.validators.map((_name, index) => machineOf(index));
  const settings = file.validators.map((_name, index) => ({
    ...nodeSettings(directory, file, index),
    ...listeningOn(machines[index] ?? LOOPBACK, file.portBase, index),
  }));
  const endpoints = file.validators.map(
    (name, index): PeerEndpoint => ({ index, name, address: String(settings[index]?.['network.listen']) }),
  );
  const { addressOf = ({ address }: PeerEndpoint) => address, logLevel } = options;
  return endpoints.map((self) => {
    const own = settings[self.index] ?? {};
    const { host, command } = machines[self.index] ?? LOOPBACK;
    const flags = async (): Promise<Record<string, string>> => {
      const peers = await Promise.all(
        endpoints.filter((peer) => peer !== self).map(async (peer) => `${peer.name}@${await addressOf(peer, self)}`),
      );
      const fixed = Object.entries(own).map(([name, value]): [string, string] => [name, String(value)]);
      const level: Record<string, string> = logLevel === undefined ? {} : { 'log.level': logLevel };
      return { ...Object.fromEntries(fixed), ...level, ...options.settings, 'network.peers': peers.join(',') };
    };
    return new NodeProcess({
      name: self.name,
      index: self.index,
      home: networkPaths(directory).home(self.name),
      api: `http://${host}:${own['api.port']}`,
      operations: `http://${host}:${own['operations.port']}`,
      p2p: self.address,
      logFile: String(own['log.file']),
      command,
      flags,
      onStarted,
      onLost: options.onLost,
      revives: options.revives,
    });
  });
};
