/** Command line: repeats seeds of the simulator, `node test/sim/replay.ts --seed S [--count N] [--validators n]`. */
import { parseArgs } from 'node:util';
import { replayCommand, simulate } from './simulate.ts';
import { scenarioOf } from './scenario.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    count: { type: 'string', default: '1' },
    validators: { type: 'string', default: '4' },
  },
});
if (values.seed === undefined) {
  process.stderr.write('usage: node test/sim/replay.ts --seed S [--count N] [--validators n]\n');
  process.exit(2);
}
const first = Number(values.seed);
const count = Number(values.count);
const validators = Number(values.validators);
const started = performance.now();
const recoveries: number[] = [];
let events = 0;
let failures = 0;
for (let seed = first; seed < first + count; seed += 1) {
  const outcome = simulate(seed, validators);
  events += outcome.events;
  recoveries.push(outcome.recoveryMs);
  if (outcome.violation === undefined) continue;
  failures += 1;
  process.stdout.write(`${outcome.violation}\n  ${replayCommand(seed, validators)}\n`);
  if (count === 1)
    process.stdout.write(
      `${JSON.stringify({ ...scenarioOf(seed, validators), liars: [...scenarioOf(seed, validators).liars] })}\n`,
    );
}
recoveries.sort((a, b) => a - b);
const seconds = (performance.now() - started) / 1000;
const at = (part: number): number => Math.round(recoveries[Math.floor((recoveries.length - 1) * part)] ?? 0);
process.stdout.write(
  `${count} seeds, ${failures} failures, ${Math.round(count / seconds)} seeds/s, ${Math.round(events / count)} steps a seed, ` +
    `recovery after GST p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms\n`,
);
process.exitCode = failures === 0 ? 0 : 1;
