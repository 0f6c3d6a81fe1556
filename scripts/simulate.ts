/**
 * `npm run sim -- [--core] [--validators N] [--seeds K] [--from S] [--workers W] [--without FAULTS] [--json]`: runs seeds of
 * the simulation, of whole nodes or of the core of agreement alone. Prints the rate in seeds per minute of CPU time of all
 * workers, what was exercised, and how soon finality came back; for each failure the seed, the faults that it takes and the
 * command that repeats it.
 *
 * Exit code 0 when no property was broken, 1 otherwise, 2 for wrong arguments.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { wholeNumber } from '../cli/definition.ts';
import { loadNodeSimulation } from '../test/sim/node/load.ts';
import type { Range, Simulation, Sweep } from '../test/sim/sweep.ts';
import { commandLine } from './command-line.ts';

const BASE_TIMEOUT_MS = 300;
const RECOVERY_TIMEOUTS = 6;
/** Of the protocol; its own module must not be loaded before the edges of nodes are replaced. */
const MIN_VALIDATORS = 4;
const MAX_VALIDATORS = 100;
/** Chance is drawn from 32 bits. */
const MAX_SEED = 2 ** 31;
const MAX_WORKERS = 256;

/** The real clock: simulated nodes get another one. */
const nowMs = performance.now.bind(performance);

interface Task extends Range {
  readonly core: boolean;
}

/** Modules are loaded late: under whole nodes they must find the edges of the process replaced. */
const load = async (core: boolean): Promise<Simulation> =>
  core ? (await import('../test/sim/simulate.ts')).coreSimulation : loadNodeSimulation();

const runHere = async (task: Task): Promise<Sweep> => {
  const simulation = await load(task.core);
  const { sweep } = await import('../test/sim/sweep.ts');
  return sweep(simulation, task);
};

interface Options extends Task {
  readonly workers: number;
  readonly json: boolean;
}

const command = commandLine('sim', 'seeds of the simulation, of whole nodes or of the core of agreement alone')
  .option('--core', 'the core alone', false)
  .option('--validators <n>', 'size of the network', wholeNumber(MIN_VALIDATORS, MAX_VALIDATORS), MIN_VALIDATORS)
  .option('--seeds <n>', 'how many seeds', wholeNumber(1, MAX_SEED), 1_000)
  .option('--from <seed>', 'the first', wholeNumber(0, MAX_SEED), 1)
  .option('--workers <n>', 'threads', wholeNumber(1, MAX_WORKERS), 1)
  .option('--without <faults>', 'faults of the seed to leave out, comma between', (text: string) => text.split(','), [])
  .option('--json', 'print one JSON object', false);

/** One part of a range in a thread of its own. */
const inThread = (task: Task): Promise<Sweep> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    worker.once('message', resolve);
    worker.once('error', reject);
  });

const runAll = async (task: Task, workers: number): Promise<Sweep> => {
  if (workers === 1) return runHere(task);
  const size = Math.ceil(task.seeds / workers);
  const parts = Array.from({ length: workers }, (_, part) => {
    const from = task.from + part * size;
    return { ...task, from, seeds: Math.max(0, Math.min(size, task.from + task.seeds - from)) };
  });
  const { together } = await import('../test/sim/sweep.ts');
  return together(await Promise.all(parts.map(inThread)));
};

const reportOf = (task: Task, result: Sweep, cpuSeconds: number, seconds: number) => {
  const recoveries = result.recoveriesMs.toSorted((a, b) => a - b);
  const at = (part: number): number => Math.round(recoveries[Math.floor((recoveries.length - 1) * part)] ?? 0);
  return {
    simulated: task.core ? 'core' : 'nodes',
    validators: task.validators,
    from: task.from,
    run: result.run,
    seconds,
    cpuSeconds,
    seedsPerCoreMinute: (result.run / cpuSeconds) * 60,
    stepsPerSeed: result.steps / result.run,
    recoveryMs: { p50: at(0.5), p99: at(0.99), max: at(1), bound: RECOVERY_TIMEOUTS * BASE_TIMEOUT_MS },
    trace: (result.trace >>> 0).toString(16).padStart(8, '0'),
    exercised: result.exercised,
    failures: result.failures,
  };
};

const describe = (report: ReturnType<typeof reportOf>): string => {
  const { recoveryMs, failures, exercised } = report;
  const failed = failures.map(
    ({ seed, violation, faults, repeat }) =>
      `seed ${seed}: ${violation}\n  faults: ${faults.join(', ') || 'none'}\n  repeat: ${repeat}\n`,
  );
  const counts = Object.entries(exercised).map(([name, count]) => `  ${name.padEnd(32)}${String(count).padStart(12)}`);
  return [
    ...failed,
    'exercised:',
    ...counts,
    `${report.run} seeds of ${report.validators} validators from ${report.from}: ${failures.length} failures, ` +
      `${Math.round(report.seedsPerCoreMinute)} seeds a core-minute, ${Math.round(report.stepsPerSeed)} steps a seed, ` +
      `three more heights p50 ${recoveryMs.p50} ms, p99 ${recoveryMs.p99} ms (at most ${recoveryMs.bound}), ` +
      `max ${recoveryMs.max} ms after the network healed, trace ${report.trace}`,
  ].join('\n');
};

const main = async (): Promise<void> => {
  const { workers, json, ...task } = command.parse().opts<Options>();
  const start = nowMs();
  const result = await runAll(task, workers);
  if (result.unknown.length > 0)
    command.error(`none of these seeds has a fault ${result.unknown.map((name) => `'${name}'`).join(', ')}`);
  const { user, system } = process.cpuUsage();
  const report = reportOf(task, result, (user + system) / 1e6, (nowMs() - start) / 1000);
  process.stdout.write(`${json ? JSON.stringify(report) : describe(report)}\n`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
};

if (isMainThread) await main();
else parentPort?.postMessage(await runHere(workerData as Task));
