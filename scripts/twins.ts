/**
 * `npm run twins -- [--validators 4|5|6|7] [--from K] [--count N] [--json]`: runs twins scenarios over the real core, in
 * their fixed order from place K on. Prints the rate; for each failure the scenario and the command that repeats it.
 *
 * Exit code 0 when no property was broken, 1 otherwise, 2 for wrong arguments.
 */
import { wholeNumber } from '../cli/definition.ts';
import { repeatTwins, runTwins } from '../test/sim/twins.ts';
import { TwinsScenarios } from '../test/sim/twins-scenarios.ts';
import { commandLine } from './command-line.ts';

const ROUNDS = 4;

interface Options {
  readonly validators: number;
  readonly from: number;
  readonly count: number;
  readonly json: boolean;
}

interface Failure {
  readonly place: number;
  readonly violation: string;
  readonly scenario: string;
  readonly repeat: string;
}

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
  const { validators, from, count, json } = commandLine(
    'twins',
    'twins scenarios over the real core, in their fixed order',
  )
    .option('--validators <n>', 'size of the network', wholeNumber(4, 7), 4)
    .option('--from <place>', 'first scenario', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--count <n>', 'how many scenarios', wholeNumber(1, Number.MAX_SAFE_INTEGER), 20_000)
    .option('--json', 'print one JSON object', false)
    .parse()
    .opts<Options>();
  const result = run(validators, from, count);
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`);
  process.exitCode = result.failures.length === 0 ? 0 : 1;
};

main();
