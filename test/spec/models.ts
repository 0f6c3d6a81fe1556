/** What is explored of the models in `spec`: sizes, starts, what must hold everywhere and what must be reachable. */
import type { Exploration } from './quint.ts';

/** An exploration without the numbers that a run chooses. */
export interface ModelCheck {
  readonly title: string;
  readonly model: Omit<Exploration, 'traces' | 'seed'>;
  /** Part of all traces that it gets: models of many validators or epochs are slow. All parts together are 1. */
  readonly share: number;
}

/** Looks at invariants only after a step that can break them: they held before, and little changes in a step. */
const after = (steps: string, ...invariants: readonly string[]): string[] =>
  invariants.map((invariant) => `implies(${steps}, ${invariant})`);

const ONE_EPOCH = [
  ...after('afterSend', 'S1', 'S2', 'S3', 'S4', 'S5', 'P6'),
  ...after('afterLearn', 'P2', 'P3'),
  ...after('afterCommit', 'P1', 'P4'),
  ...after('or(afterSend, afterCommit)', 'P5'),
];
const EPOCHS = [...ONE_EPOCH, ...after('afterCommit', 'P9', 'oneBase', 'soundBase')];

/** Invariants of the files into which mistakes are planted. */
export const invariantsOf: Readonly<Record<'simplex.qnt' | 'reconfiguration.qnt', readonly string[]>> = {
  'simplex.qnt': ONE_EPOCH,
  'reconfiguration.qnt': EPOCHS,
};

const simplex = (validators: number, liars: number, share: number, witnesses: readonly string[]): ModelCheck => ({
  title: `one epoch, ${validators} validators, ${liars} lying`,
  model: { file: 'simplex.qnt', main: `simplex${validators}`, steps: 40, invariants: ONE_EPOCH, witnesses },
  share,
});

const epochs = (
  title: string,
  main: string,
  init: string,
  share: number,
  witnesses: readonly string[],
): ModelCheck => ({
  title,
  model: { file: 'reconfiguration.qnt', main, init, steps: 60, invariants: EPOCHS, witnesses },
  share,
});

const inputs = (
  title: string,
  main: string,
  step: 'stepEvents' | 'stepCalm',
  share: number,
  witnesses: readonly string[],
): ModelCheck => ({
  title,
  model: {
    file: 'events.qnt',
    main,
    init: 'initEvents',
    step,
    steps: step === 'stepCalm' ? 150 : 100,
    invariants: ['safe'],
    witnesses,
  },
  share,
});

/** All explorations, the longest first. */
export const modelChecks: readonly ModelCheck[] = [
  simplex(4, 1, 0.554, ['skip', 'double', 'finalAfterSkip']),
  epochs('two epochs, closing block final', 'epochs4', 'initClosed', 0.06, [
    'epochChange',
    'committedAfterChange',
    'closedNotEntered',
  ]),
  epochs('two epochs, closing block skipped', 'epochs4', 'initSkipped', 0.06, ['epochChange', 'tailNeeded']),
  epochs('two epochs, from the genesis', 'epochs5', 'init', 0.06, []),
  simplex(6, 1, 0.12, ['double']),
  simplex(7, 2, 0.12, ['double']),
  inputs('one input at a time, 4 validators, 1 lying', 'events4', 'stepEvents', 0.02, [
    'committedTwice',
    'skipped',
    'doubled',
    'recovered',
  ]),
  inputs('one input at a time, two epochs', 'switching4', 'stepCalm', 0.006, ['switched', 'committedAfterSwitch']),
];
