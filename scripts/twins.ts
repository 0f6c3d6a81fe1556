/**
 * `npm run twins -- [--validators 4|5|6|7] [--from K] [--count N] [--json]`: runs twins scenarios over the real core, in
 * their fixed order from place K on. Prints the rate; for each failure the scenario and the command that repeats it.
 *
 * Exit code 0 when no property was broken, 1 otherwise, 2 for wrong arguments.
 */
import { parseArgs } from 'node:util';
import { repeatTwins, runTwins } from '../test/sim/twins.ts';
import { TwinsScenarios } from '../test/sim/twins-scenarios.ts';

const ROUNDS = 4;

interface Failure {
  readonly place: number;
  readonly violation: string;
  readonly scenario: string;
  readonly repeat: string;
}

const wholeNumber = (text: string, least: number): number => {
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= least ? value : Number.NaN;
};

const run = (validators: number, from: number, count: number) => {
  const scenarios = new TwinsScenarios(validators, ROUNDS);
  const last = Math.min(from + count, Number(scenarios.total));
  const failures: Failure[] = [];
  const recoveries: number[] = [];
  let events = 0;
  let accused = 0;
  const start = performance.now();
  for (let place = from; place < last; place += 1) {
    const outcome = runTwins(scenarios, place);
    events += outcome.events;
    accused += outcome.accused > 0 ? 1 : 0;
    recoveries.push(outcome.recoveryMs);
    const { violation } = outcome;
    if (violation === undefined) continue;
    const scenario = scenarios.describe(scenarios.at(place));
    failures.push({ place, violation, scenario, repeat: repeatTwins(validators, place) });
  }
  const seconds = (performance.now() - start) / 1000;
  recoveries.sort((a, b) => a - b);
  const at = (part: number): number => Math.round(recoveries[Math.floor((recoveries.length - 1) * part)] ?? 0);
  const run = Math.max(0, last - from);
  return {
    validators,
    rounds: ROUNDS,
    from,
    run,
    total: scenarios.total.toString(),
    seconds,
    perSecond: run / seconds,
    stepsPerScenario: run === 0 ? 0 : events / run,
    twinsConvicted: accused,
    recoveryMs: { p50: at(0.5), p99: at(0.99), max: at(1) },
    failures,
  };
};

const describe = (result: ReturnType<typeof run>): string => {
  const { recoveryMs, failures } = result;
  const lines = failures.map(({ violation, scenario, repeat }) => `${violation}\n${scenario}\n  repeat: ${repeat}\n`);
  lines.push(
    `${result.run} of ${result.total} scenarios of ${result.validators} validators, ${result.rounds} rounds, from ${result.from}: ` +
      `${failures.length} failures, ${Math.round(result.perSecond)} scenarios/s, ` +
      `${Math.round(result.stepsPerScenario)} steps a scenario, twins convicted in ${result.twinsConvicted}, ` +
      `next block after p50 ${recoveryMs.p50} ms, p99 ${recoveryMs.p99} ms, max ${recoveryMs.max} ms`,
  );
  return lines.join('\n');
};

const main = (): void => {
  const { values } = parseArgs({
    options: {
      validators: { type: 'string', default: '4' },
      from: { type: 'string', default: '0' },
      count: { type: 'string', default: '20000' },
      json: { type: 'boolean', default: false },
    },
  });
  const validators = wholeNumber(values.validators, 4);
  const from = wholeNumber(values.from, 0);
  const count = wholeNumber(values.count, 1);
  if (Number.isNaN(validators + from + count) || validators > 7) {
    process.stderr.write('usage: npm run twins -- [--validators 4..7] [--from K] [--count N] [--json]\n');
    process.exitCode = 2;
    return;
  }
  const result = run(validators, from, count);
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`);
  process.exitCode = result.failures.length === 0 ? 0 : 1;
};

main();
