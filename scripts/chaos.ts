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
import { parseArgs } from 'node:util';
import { type ChaosReport, runChaos } from '../test/chaos/chaos.ts';
import { type CatchUp, measureCatchUp } from '../test/chaos/catch-up.ts';
import { ENTER_NAMESPACES, namespacesAllowed } from '../test/chaos/namespaces.ts';
import { followLifeline } from '../testnet/lifeline.ts';
import { buildEnclave } from './build-enclave.ts';

/** Within which a network should go on after healing. */
const GOES_ON_WITHIN_MS = 5_000;
/** `inside`: in namespaces that are still to be made. */
const GROUNDS = ['loopback', 'namespaces', 'inside'];

const wholeNumber = (text: string, least: number): number => {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= least ? value : Number.NaN;
};

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

const USAGE =
  'usage: npm run chaos -- [--validators N] [--each | --rounds K | --minutes M] [--seed S] [--ground loopback|namespaces] [--json]\n' +
  '       npm run chaos -- --behind BLOCKS [--json]\n';

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
  const { values } = parseArgs({
    options: {
      validators: { type: 'string', default: '4' },
      rounds: { type: 'string' },
      each: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      ground: { type: 'string' },
      behind: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const validators = wholeNumber(values.validators, 4);
  const endsAt = performance.now() + wholeNumber(values.minutes, 1) * 60_000;
  const rounds = values.rounds === undefined ? undefined : wholeNumber(values.rounds, 1);
  const seed = wholeNumber(values.seed, 0);
  const behind = values.behind === undefined ? undefined : wholeNumber(values.behind, 1);
  const { ground = namespacesAllowed() ? 'inside' : 'loopback' } = values;
  if (Number.isNaN(validators + endsAt + (rounds ?? 0) + seed + (behind ?? 0)) || !GROUNDS.includes(ground)) {
    process.stderr.write(USAGE);
    process.exitCode = 2;
    return;
  }
  if (behind !== undefined) {
    const caughtUp = await measureCatchUp(behind, (step) => process.stderr.write(`${step}\n`));
    process.stdout.write(values.json ? `${JSON.stringify(caughtUp)}\n` : `${describeCatchUp(caughtUp)}\n`);
    return;
  }
  if (ground === 'inside') return runInside(process.argv.slice(2));
  await buildEnclave();
  const report = await runChaos({
    ground: ground === 'namespaces' ? 'namespaces' : 'loopback',
    validators,
    seed,
    goesOn: (done, kinds) => {
      const wanted = values.each ? kinds : rounds;
      return wanted === undefined ? performance.now() < endsAt : done < wanted;
    },
    onRound: ({ fault, where, lastedMs, recoveredMs }, number) => {
      process.stderr.write(`${number} ${fault} (${where}) for ${lastedMs} ms: on after ${recoveredMs} ms\n`);
    },
  });
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${describe(report)}\n`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
};

await main();
