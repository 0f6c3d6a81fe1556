/**
 * `npm run chaos -- [--validators N] [--rounds K | --minutes M] [--seed S] [--json]`: real processes under kill -9,
 * SIGSTOP, partitions and slow links, with calls going on. Progress on stderr, the report on stdout.
 *
 * Exit code 0 when everything held, 1 otherwise, 2 for wrong arguments.
 */
import { parseArgs } from 'node:util';
import { type ChaosReport, runChaos } from '../test/chaos/chaos.ts';
import { buildEnclave } from './build-enclave.ts';

/** Within which a network should go on after healing. */
const GOES_ON_WITHIN_MS = 5_000;
/** About what a fault, its healing and three heights take. */
const SECONDS_A_ROUND = 6;

const wholeNumber = (text: string, least: number): number => {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= least ? value : Number.NaN;
};

const late = (rounds: ChaosReport['rounds']): number =>
  rounds.filter(({ recoveredMs }) => recoveredMs > GOES_ON_WITHIN_MS).length;

const describe = ({ validators, seed, seconds, calls, height, rounds, recoveredMs, violations }: ChaosReport): string =>
  [
    ...violations.map((violation) => `BROKEN: ${violation}`),
    `${rounds.length} faults over ${validators} validators in ${seconds.toFixed(0)} s: ${calls} calls, height ${height}, ` +
      `on after p50 ${recoveredMs.p50} ms, max ${recoveredMs.max} ms, ${late(rounds)} later than ${GOES_ON_WITHIN_MS} ms; ${violations.length} violations`,
    `repeat: npm run chaos -- --validators ${validators} --rounds ${rounds.length} --seed ${seed}`,
  ].join('\n');

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      validators: { type: 'string', default: '4' },
      rounds: { type: 'string' },
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      json: { type: 'boolean', default: false },
    },
  });
  const validators = wholeNumber(values.validators, 4);
  const minutes = wholeNumber(values.minutes, 1);
  const rounds = values.rounds === undefined ? (minutes * 60) / SECONDS_A_ROUND : wholeNumber(values.rounds, 1);
  const seed = wholeNumber(values.seed, 0);
  if (Number.isNaN(validators + rounds + seed)) {
    process.stderr.write('usage: npm run chaos -- [--validators N] [--rounds K | --minutes M] [--seed S] [--json]\n');
    process.exitCode = 2;
    return;
  }
  await buildEnclave();
  const report = await runChaos({
    validators,
    rounds,
    seed,
    onRound: ({ fault, where, lastedMs, recoveredMs }, number) => {
      process.stderr.write(`${number}/${rounds} ${fault} (${where}) for ${lastedMs} ms: on after ${recoveredMs} ms\n`);
    },
  });
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${describe(report)}\n`);
  process.exitCode = report.violations.length === 0 ? 0 : 1;
};

await main();
