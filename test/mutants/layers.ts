/**
 * The layers of tests as hunts for a planted mistake: each says after how much it found something, and what. Loaded only
 * once the mistake is in place.
 */
import { exploreCrashes, OCCASIONS } from '../explore/crash-space.ts';
import { explore } from '../explore/explore.ts';
import type { Scenario } from '../sim/scenario.ts';
import { simulate, type Variation } from '../sim/simulate.ts';
import { runTwins } from '../sim/twins.ts';
import { TwinsScenarios } from '../sim/twins-scenarios.ts';
import type { Layer, Mutant } from './mutant.ts';

/** What one layer made of one mistake. */
export interface Hunt {
  readonly layer: Layer;
  readonly found: boolean;
  /** Histories, states, seeds or scenarios up to the finding, or tried without one; failed tests. */
  readonly after: number;
  readonly what: string;
}

const DEFAULT_SEEDS = 200;
const TWINS = 40;
const TWINS_ROUNDS = 4;

const hunted = (layer: Layer, after: number, what: string | undefined): Hunt => ({
  layer,
  found: what !== undefined,
  after,
  what: what ?? '',
});

const variationOf = ({ liar, slow, outcomeOnly }: Mutant): Variation => ({
  outcomeOnly: outcomeOnly === true,
  scenario: (drawn: Scenario): Scenario => ({
    ...drawn,
    ...(liar === undefined ? {} : { liars: new Map([[1, liar]]) }),
    ...(slow === true ? { maxDelayMs: 800, maxDelayBeforeGstMs: 800 } : {}),
  }),
});

const firstViolation = (layer: Layer, count: number, run: (number: number) => string | undefined): Hunt => {
  for (let number = 1; number <= count; number += 1) {
    const violation = run(number);
    if (violation !== undefined) return hunted(layer, number, violation);
  }
  return hunted(layer, count, undefined);
};

const simulation = (mutant: Mutant): Hunt => {
  const variation = variationOf(mutant);
  return firstViolation(
    'simulation',
    mutant.seeds ?? DEFAULT_SEEDS,
    (seed) => simulate(seed, mutant.validators ?? 4, variation).violation,
  );
};

/** Hunts that run in this process. */
export const hunts: Readonly<Record<Exclude<Layer, 'unit'>, (mutant: Mutant) => Hunt>> = {
  explorer: ({ validators }) => {
    const { cases, finding } = explore({ validators: validators ?? 4, views: 3 });
    return hunted('explorer', cases, finding?.property);
  },
  crashes: () => {
    const { states, example } = exploreCrashes(OCCASIONS, {}, 'first');
    return hunted('crashes', states, example);
  },
  simulation,
  twins: ({ validators }) => {
    const scenarios = new TwinsScenarios(validators ?? 4, TWINS_ROUNDS);
    return firstViolation('twins', TWINS, (number) => runTwins(scenarios, number - 1).violation);
  },
};
