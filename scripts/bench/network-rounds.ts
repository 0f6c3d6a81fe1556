/** What is measured on the running network: start, idle use, latency, sustained load. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { toHex } from '../../protocol/hex.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { LoadCommand, LoadReport } from './load.ts';
import { memoryOf, type ProcessGroup, type Usage, usageOf, type ValidatorUsage } from './processes.ts';
import { percentile, slopeOf, type Spread, spreadOf } from './statistics.ts';

const LOAD_FILE = fileURLToPath(new URL('load.ts', import.meta.url));
const SESSIONS = 8;
const IN_FLIGHT = 2_048;
const SAMPLE_MS = 1_000;

/** Whoever wants to know how far it is. */
export type Progress = (step: string) => void;

/** Starts the network of a directory several times; the last one stays up. The first founds it and is not counted. */
export const startWarm = async (
  directory: string,
  starts: number,
  progress: Progress,
): Promise<{ network: LocalNetwork; readySeconds: Spread }> => {
  const seconds: number[] = [];
  for (let round = 0; ; round += 1) {
    progress(round === 0 ? 'founding the network' : `warm start ${round} of ${starts}`);
    const start = performance.now();
    const network = await LocalNetwork.start({ directory });
    if (round > 0) seconds.push((performance.now() - start) / 1000);
    if (round === starts) return { network, readySeconds: spreadOf(seconds) };
    await network[Symbol.asyncDispose]();
  }
};

/** Use of an idle network: resident bytes of all processes, CPU percent of each validator (node and enclave). */
export const measureIdle = async (
  group: ProcessGroup,
  windows: number,
  windowMs: number,
): Promise<{ residentBytes: number; idleCpuPercent: Spread }> => {
  await delay(2_000);
  const percents: number[] = [];
  for (let window = 0; window < windows; window += 1) {
    const [before, start] = [group.read(), performance.now()];
    await delay(windowMs);
    const [after, micros] = [group.read(), (performance.now() - start) * 1000];
    after.forEach((usage, index) => percents.push((100 * cpuOf(usage, before[index])) / micros));
  }
  return { residentBytes: memoryOf(group.read(), 'residentBytes'), idleCpuPercent: spreadOf(percents) };
};

const cpuOf = (after: ValidatorUsage, before: ValidatorUsage | undefined): number =>
  after.node.cpuMicros + after.enclave.cpuMicros - (before?.node.cpuMicros ?? 0) - (before?.enclave.cpuMicros ?? 0);

/** CPU µs a committed transaction. */
export interface CpuPerTransaction {
  /** Mean over the validators. */
  readonly node: number;
  readonly nodeMain: number;
  readonly enclave: number;
  readonly enclaveMain: number;
  readonly load: number;
  /** All eight processes and the load generator. */
  readonly total: number;
}

/** What sustained load showed. */
export interface Loaded {
  readonly committedPerSecond: Spread;
  readonly committed: number;
  readonly seconds: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly blocks: number;
  readonly meanBlockTransactions: number;
  readonly cpu: CpuPerTransaction;
  readonly residentBytesAfter: number;
  /** Without mapped files. */
  readonly ownBytesAfter: number;
  /** Growth of that, all eight processes, over the second half of the load. */
  readonly ownGrowthBytesPerMinute: number;
}

/** Latency of calls on the idle network. */
export interface Latency {
  readonly p50: Spread;
  readonly p99: Spread;
  readonly receiptVerifyMs: Spread;
}

/** The load generator as its starter sees it. */
export class LoadGenerator implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts the process, deploys the contract and opens the sessions. */
  static async start(network: LocalNetwork): Promise<LoadGenerator> {
    const generator = new LoadGenerator(
      // Many wallets in one process: room for what each call leaves behind, so that collecting it is not what is measured.
      fork(LOAD_FILE, { execArgv: ['--max-semi-space-size=64'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
    );
    const issuerSeed = toHex(network.account('dev-1').account.exportSeed());
    await generator.#ask({
      kind: 'prepare',
      urls: network.apis,
      chainId: network.chainId,
      issuerSeed,
      sessions: SESSIONS,
    });
    return generator;
  }

  /** Rounds of calls one after the other. */
  async latency(rounds: number, calls: number): Promise<Latency> {
    const results: Extract<LoadReport, { kind: 'latency' }>[] = [];
    await this.#ask({ kind: 'latency', calls: 20 });
    for (let round = 0; round < rounds; round += 1) {
      const result = await this.#ask({ kind: 'latency', calls });
      if (result.kind === 'latency') results.push(result);
    }
    return {
      p50: spreadOf(results.map(({ milliseconds }) => percentile(milliseconds, 0.5))),
      p99: spreadOf(results.map(({ milliseconds }) => percentile(milliseconds, 0.99))),
      receiptVerifyMs: spreadOf(results.flatMap(({ receiptVerifyMs }) => receiptVerifyMs)),
    };
  }

  /** A short load to warm up, then the measured one. */
  async load(network: LocalNetwork, group: ProcessGroup, seconds: number, progress: Progress): Promise<Loaded> {
    const windowSeconds = Math.max(1, Math.min(5, seconds / 4));
    progress('warming up');
    await this.#ask({ kind: 'load', inFlight: IN_FLIGHT, seconds: Math.min(5, seconds), windowSeconds });
    const rates: number[] = [];
    const memory: [minute: number, bytes: number][] = [];
    const start = performance.now();
    const sampler = setInterval(
      () => memory.push([(performance.now() - start) / 60_000, memoryOf(group.read(), 'ownBytes')]),
      SAMPLE_MS,
    );
    try {
      const before = { validators: group.read(), load: usageOf(this.#child.pid ?? 0), height: await heightOf(network) };
      const result = await this.#ask({ kind: 'load', inFlight: IN_FLIGHT, seconds, windowSeconds }, (window) => {
        rates.push(window.committed / window.seconds);
        progress(`load: ${Math.round(rates.at(-1) ?? 0)} committed a second`);
      });
      if (result.kind !== 'loaded') throw new TypeError('no result of the load');
      const after = { validators: group.read(), load: usageOf(this.#child.pid ?? 0), height: await heightOf(network) };
      const blocks = after.height - before.height;
      const { committed } = result;
      return {
        committedPerSecond: {
          ...spreadOf(rates.length > 0 ? rates : [committed / result.seconds]),
          median: committed / result.seconds,
        },
        committed,
        seconds: result.seconds,
        failures: result.failures,
        blocks,
        meanBlockTransactions: committed / blocks,
        cpu: perTransaction(before, after, committed),
        residentBytesAfter: memoryOf(after.validators, 'residentBytes'),
        ownBytesAfter: memoryOf(after.validators, 'ownBytes'),
        ownGrowthBytesPerMinute: slopeOf(memory.slice(Math.floor(memory.length / 2))),
      };
    } finally {
      clearInterval(sampler);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.disconnect();
    await exited;
  }

  #ask(
    command: LoadCommand,
    onWindow?: (window: Extract<LoadReport, { kind: 'window' }>) => void,
  ): Promise<LoadReport> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        child.off('message', take);
        child.off('exit', gone);
      };
      const gone = (): void => {
        settle();
        reject(new TypeError('the load generator ended'));
      };
      const take = (message: LoadReport): void => {
        if (message.kind === 'window') {
          onWindow?.(message);
          return;
        }
        settle();
        if (message.kind === 'failed') reject(new TypeError(message.message));
        else resolve(message);
      };
      child.on('message', take);
      child.once('exit', gone);
      child.send(command);
    });
  }
}

interface Reading {
  readonly validators: readonly ValidatorUsage[];
  readonly load: Usage;
}

const perTransaction = (before: Reading, after: Reading, committed: number): CpuPerTransaction => {
  const count = after.validators.length;
  const total = (pick: (usage: ValidatorUsage) => number): number =>
    (after.validators.reduce((sum, usage) => sum + pick(usage), 0) -
      before.validators.reduce((sum, usage) => sum + pick(usage), 0)) /
    committed;
  const node = total((usage) => usage.node.cpuMicros);
  const enclave = total((usage) => usage.enclave.cpuMicros);
  const load = (after.load.cpuMicros - before.load.cpuMicros) / committed;
  return {
    node: node / count,
    nodeMain: total((usage) => usage.node.mainMicros) / count,
    enclave: enclave / count,
    enclaveMain: total((usage) => usage.enclave.mainMicros) / count,
    load,
    total: node + enclave + load,
  };
};

const heightOf = async ({ apis: [api] }: LocalNetwork): Promise<number> => {
  const status = (await (await fetch(`${api}/v1/status`)).json()) as { readonly executedHeight: number };
  return status.executedHeight;
};
