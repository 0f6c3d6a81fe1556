/**
 * Code → model (consensus design §5.4 E): what simulated validators made durable must be permitted by the model, record
 * by record; what planted mistakes make them record must not.
 *
 * CLOISTER_SPEC_TRACES sets another number of runs, CLOISTER_SPEC_SEED another first seed.
 */
import { describe, expect, it } from 'vitest';
import { type Scenario, scenarioOf } from '../sim/scenario.ts';
import type { Hooks } from '../sim/sim-node.ts';
import { simulate } from '../sim/simulate.ts';
import { judge } from './accept.ts';
import type { Run } from './facts.ts';
import { plantInto } from './planted.ts';
import { Recorder } from './recorder.ts';

const RUNS = Number(process.env['CLOISTER_SPEC_TRACES'] ?? 3);
const SEED = Number(process.env['CLOISTER_SPEC_SEED'] ?? 1);

/** The mistake of a core that casts FINALIZE in a view that it nullified; tells when it was made. */
const finalizeThoughNullified = (made: () => void): Hooks => ({
  effect: (node, effect) => {
    if (effect.kind !== 'relay' || effect.certificate.kind !== 'notarize') return false;
    const { view, hash, epoch } = effect.certificate;
    const own = node.core?.views.get(view)?.own;
    if (own?.nullify === true && own.finalize === undefined) {
      node.disk.log.push({ kind: 'vote', vote: { kind: 'finalize', epoch, view, hash } });
      node.cast({ kind: 'finalize', epoch, view, hash }, 'all', undefined);
      made();
    }
    return false;
  },
});

/** Faults for a short while only: short runs, many of them. */
const short = (drawn: Scenario): Scenario => ({
  ...drawn,
  gstMs: Math.min(drawn.gstMs, 700),
  crashes: drawn.crashes.map((crash) => ({ ...crash, atMs: crash.atMs / 4, backAtMs: crash.backAtMs / 4 })),
});

const record = (seed: number, validators: number, mutant?: Hooks): Run => {
  const liars = new Set(scenarioOf(seed, validators).liars.keys());
  const recorder = new Recorder(liars, mutant);
  simulate(seed, validators, { mutant: recorder.hooks, scenario: short, outcomeOnly: mutant !== undefined });
  return recorder.finish();
};

const complaints = async (runs: readonly Run[]): Promise<string[]> =>
  (await judge(runs)).flatMap(({ accepted, refusedAt, refused, output }, index) =>
    accepted ? [] : [`run ${index}, fact ${refusedAt}: ${JSON.stringify(refused)}\n${output}`],
  );

describe('the model accepts the simulator', () => {
  it(`in ${RUNS} runs of 4 validators`, { timeout: 3_600_000 }, async () => {
    const runs = Array.from({ length: RUNS }, (_, index) => record(SEED + index, 4));
    process.stderr.write(`code to model: ${runs.reduce((sum, { facts }) => sum + facts.length, 0)} facts\n`);
    expect(await complaints(runs)).toEqual([]);
  });

  it('in a run of 6 validators, where q is not 2f + 1', { timeout: 3_600_000 }, async () => {
    expect(await complaints([record(SEED, 6)])).toEqual([]);
  });
});

describe('the model accepts changes of epochs', () => {
  it('in a run through three of them, with joiners', { timeout: 3_600_000 }, async () => {
    const run = record(4, 4);
    expect(run.lastEpoch).toBe(3);
    expect(await complaints([run])).toEqual([]);
  });
});

describe('the model refuses', () => {
  it('each wrong fact that is planted into a run', { timeout: 600_000 }, async () => {
    const changing = plantInto(record(3, 4)).filter(({ name }) => name.includes('epoch'));
    const planted = [...plantInto(record(1, 4)), ...changing];
    const judged = await judge(planted.map(({ run }) => run));
    const accepted = planted.filter((_run, index) => judged[index]?.accepted !== false);
    expect(accepted.map(({ name }) => name)).toEqual([]);
    expect(planted.length).toBeGreaterThanOrEqual(9);
    expect(changing.map(({ name }) => name)).toHaveLength(4);
  });

  it('validators that finalise although they nullified', { timeout: 600_000 }, async () => {
    let times = 0;
    let run: Run | undefined;
    for (let seed = 1; times === 0; seed += 1)
      run = record(
        seed,
        4,
        finalizeThoughNullified(() => (times += 1)),
      );
    const refused = (await judge(run === undefined ? [] : [run])).filter(({ accepted }) => !accepted);
    expect(refused.map(({ refused: fact }) => fact?.kind)).toContain('Finalized');
  });
});
