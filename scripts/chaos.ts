/**
 * `npm run chaos -- [--validators N] [--each | --rounds K | --minutes M] [--seed S] [--ground G] [--json]`: real processes under
 * kill -9, SIGSTOP, partitions, loss, clock jumps, torn logs and full disks, with calls going on. Progress on stderr, the
 * report on stdout. Every validator has a network namespace of its own where the machine allows; `--ground loopback`
 * puts proxies on loopback in their place, `--ground namespaces` is for a process that is root of namespaces already.
 *
 * `npm run chaos -- --behind N` instead measures a validator that comes back N blocks behind, under load.
 *
 * Exit code 0 when everything held, 1 otherwise, 2 for wrong arguments.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Option } from 'commander';
import { wholeNumber } from '../cli/definition.ts';
import { type ChaosReport, runChaos } from '../test/chaos/chaos.ts';
import { type CatchUp, measureCatchUp } from '../test/chaos/catch-up.ts';
import { ENTER_NAMESPACES, namespacesAllowed } from '../test/chaos/namespaces.ts';
import { followLifeline } from '../testnet/lifeline.ts';
import { buildEnclave } from './build-enclave.ts';
import { commandLine } from './command-line.ts';

/** Within which a network should go on after healing. */
const GOES_ON_WITHIN_MS = 5_000;
const GROUNDS = ['loopback', 'namespaces'];

const late = (rounds: ChaosReport['rounds']): number =>
  rounds.filter(({ recoveredMs }) => recoveredMs > GOES_ON_WITHIN_MS).length;

const describe = ({
  ground,
  validators,
  seed,
  seconds,
  calls,
  height,
  rounds,
  recoveredMs,
  violations,
}: ChaosReport): string =>
  [
    ...violations.map((violation) => `BROKEN: ${violation}`),
    `${rounds.length} faults over ${validators} validators (${ground}) in ${seconds.toFixed(0)} s: ${calls} calls, height ${height}, ` +
      `on after p50 ${recoveredMs.p50} ms, max ${recoveredMs.max} ms, ${late(rounds)} later than ${GOES_ON_WITHIN_MS} ms; ${violations.length} violations`,
    `repeat: npm run chaos -- --validators ${validators} --rounds ${rounds.length} --seed ${seed}${ground === 'loopback' ? ' --ground loopback' : ''}`,
  ].join('\n');

const describeCatchUp = ({ behind, seconds, height, node, enclave, calls, othersReadySeconds }: CatchUp): string => {
  const side = ({ cpuMicros, ownBytes }: CatchUp['node']): string =>
    `${Math.round(cpuMicros / height)} µs of CPU a block, at most ${Math.round(ownBytes / 1e6)} MB`;
  return [
    `${behind} blocks behind: level after ${seconds.toFixed(0)} s, ${Math.round(height / seconds)} blocks/s, ${calls} calls meanwhile`,
    `node ${side(node)}; enclave ${side(enclave)}`,
    `the others were ready ${othersReadySeconds.toFixed(0)} s after their start`,
  ].join('\n');
};

interface Options {
  readonly validators: number;
  readonly each: boolean;
  readonly rounds?: number;
  readonly minutes: number;
  readonly seed: number;
  readonly ground?: 'loopback' | 'namespaces';
  readonly behind?: number;
  readonly json: boolean;
}

const readOptions = (): Options =>
  commandLine('chaos', 'real processes under faults, with calls going on')
    .option('--validators <n>', 'size of the network', wholeNumber(4, 100), 4)
    .option('--each', 'every kind of fault once', false)
    .option('--rounds <n>', 'number of faults', wholeNumber(1, 1_000_000))
    .option('--minutes <n>', 'length, unless the faults are counted', wholeNumber(1, 100_000), 10)
    .option('--seed <n>', 'seed of the faults', wholeNumber(0, Number.MAX_SAFE_INTEGER), Date.now() % 1_000_000)
    .addOption(new Option('--ground <kind>', 'what is between the validators').choices(GROUNDS))
    .option(
      '--behind <blocks>',
      'measure instead a validator that comes back so far behind',
      wholeNumber(1, 100_000_000),
    )
    .option('--json', 'print one JSON object', false)
    .parse()
    .opts<Options>();

/** Runs this script again with namespaces of its own; it ends with this process, however that ends. */
const runInside = (args: readonly string[]): void => {
  followLifeline();
  const [program, ...options] = ENTER_NAMESPACES;
  const self = [process.execPath, fileURLToPath(import.meta.url), ...args, '--ground', 'namespaces'];
  const child = spawn(program, [...options, ...self], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, CLOISTER_LIFELINE: `${process.pid}:3` },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  child.on('exit', (code) => process.exit(code ?? 1));
};

const main = async (): Promise<void> => {
  const { validators, each, rounds, minutes, seed, behind, json, ...options } = readOptions();
  const endsAt = performance.now() + minutes * 60_000;
  const { ground = namespacesAllowed() ? 'inside' : 'loopback' } = options;
  if (behind !== undefined) {
    const caughtUp = await measureCatchUp(behind, (step) => process.stderr.write(`${step}\n`));
    process.stdout.write(json ? `${JSON.stringify(caughtUp)}\n` : `${describeCatchUp(caughtUp)}\n`);
    return;
  }
  if (ground === 'inside') return runInside(process.argv.slice(2));
  await buildEnclave();
  const report = await runChaos({
    ground,
    validators,
    seed,
    goesOn: (done, kinds) => {
      const wanted = each ? kinds : rounds;
      return wanted === undefined ? performance.now() < endsAt : done < wanted;
    },
    onRound: ({ fault, where, lastedMs, recoveredMs }, number) => {
      process.stderr.write(`${number} ${fault} (${where}) for ${lastedMs} ms: on after ${recoveredMs} ms\n`);
    },
  });
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : `${describe(report)}\n`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
};

await main();
