/**
 * `npm run bench -- [--json] [--write] [--seconds N]`: four validators and a load generator on this machine, measured against the
 * targets of the project, with the floors of the same run beside them. `--write` renews docs/performance.md, which explains
 * every figure.
 *
 * Exit code 0 when everything could be measured, whether or not the targets are met; 1 otherwise, 2 for wrong options. Linux only: CPU time
 * and memory of the processes come from /proc.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wholeNumber } from '../cli/definition.ts';
import { TransferTest } from './bench/contract-calls.ts';
import { measureFloors } from './bench/floors.ts';
import { LoadGenerator, measureIdle, startWarm } from './bench/network-rounds.ts';
import { canMeasure, ProcessGroup } from './bench/processes.ts';
import { performancePage } from './bench/page.ts';
import { describe, type Measurements, toJson } from './bench/report.ts';
import { type Spread, spreadOf } from './bench/statistics.ts';
import { commandLine } from './command-line.ts';

const COMMAND = fileURLToPath(new URL('../cli/cloister.mjs', import.meta.url));
const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
/** Long enough that heaps and bounded memories are full in the second half, in which growth is measured. */
const DEFAULT_SECONDS = 180;
const WARM_STARTS = 3;
const LATENCY_ROUNDS = 3;
const LATENCY_CALLS = 100;
const IDLE_WINDOWS = 3;

const progress = (step: string): void => {
  process.stderr.write(`bench: ${step}\n`);
};

/** One contract test as a developer writes it: deploy and one call, with the interpreter loaded. */
const measureContractTest = async (): Promise<Spread> => {
  const times: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const start = performance.now();
    (await TransferTest.create()).transfer();
    if (round > 0) times.push(performance.now() - start);
  }
  return spreadOf(times);
};

const measureHelp = (): Spread =>
  spreadOf(
    Array.from({ length: 9 }, () => {
      const start = performance.now();
      const { status } = spawnSync(process.execPath, [COMMAND, '--help'], { stdio: 'ignore' });
      if (status !== 0) throw new TypeError('cloister --help failed');
      return performance.now() - start;
    }),
  );

const measure = async (seconds: number): Promise<Measurements> => {
  await using stack = new AsyncDisposableStack();
  progress('floors');
  const floors = await measureFloors();
  const contractTestMs = await measureContractTest();
  const helpMs = measureHelp();
  const directory = await mkdtemp(join(tmpdir(), 'cloister-bench-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { network, readySeconds } = await startWarm(directory, WARM_STARTS, progress);
  stack.use(network);
  const group = new ProcessGroup(network.nodes);
  progress('idle');
  const { residentBytes, idleCpuPercent } = await measureIdle(group, IDLE_WINDOWS, Math.min(10_000, 250 * seconds));
  const load = stack.use(await LoadGenerator.start(network));
  progress('latency on the idle network');
  const latency = await load.latency(LATENCY_ROUNDS, Math.min(LATENCY_CALLS, 10 * seconds));
  const loaded = await load.load(network, group, seconds, progress);
  return { latency, loaded, readySeconds, residentBytes, idleCpuPercent, contractTestMs, helpMs, floors };
};

const main = async (): Promise<void> => {
  const { seconds, write, json } = commandLine('bench', 'latency, throughput and memory of a real network, with floors')
    .option('--seconds <n>', 'length of the load', wholeNumber(4, 86_400), DEFAULT_SECONDS)
    .option('--write', 'renew docs/performance.md', false)
    .option('--json', 'print one JSON object', false)
    .parse()
    .opts<{ readonly seconds: number; readonly write: boolean; readonly json: boolean }>();
  if (!canMeasure()) {
    process.stderr.write('This system has no /proc: CPU time and memory of processes cannot be measured.\n');
    process.exitCode = 1;
    return;
  }
  const measurements = await measure(seconds);
  if (write) await writeFile(PAGE, performancePage(measurements));
  process.stdout.write(json ? `${JSON.stringify(toJson(measurements))}\n` : `${describe(measurements)}\n`);
};

await main();
