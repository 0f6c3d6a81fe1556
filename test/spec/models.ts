/** What is explored of the models in `spec`: sizes, starts, what must hold everywhere and what must be reachable. */
import type { Exploration } from './quint.ts';

/** An exploration without the numbers that a run chooses. */
export interface ModelCheck {
  readonly title: string;
  readonly model: Omit<Exploration, 'traces' | 'seed'>;
  /** Part of the traces that it gets: models of many validators or epochs are slow. */
  readonly share: number;
}

const ONE_EPOCH = ['S1', 'S2', 'S3', 'S4', 'S5', 'P1', 'P2', 'P3', 'P4', 'P5', 'P6'];
const EPOCHS = [...ONE_EPOCH, 'P9', 'oneBase', 'soundBase'];

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

/** All explorations. */
export const modelChecks: readonly ModelCheck[] = [
  simplex(4, 1, 1, ['skip', 'double', 'finalAfterSkip']),
  simplex(6, 1, 1 / 4, ['double']),
  simplex(7, 2, 1 / 4, ['double']),
  epochs('two epochs, from the genesis', 'epochs5', 'init', 1 / 10, []),
  epochs('two epochs, closing block final', 'epochs4', 'initClosed', 1 / 10, ['epochChange', 'committedAfterChange']),
  epochs('two epochs, closing block skipped', 'epochs4', 'initSkipped', 1 / 10, ['epochChange', 'tailNeeded']),
  {
    title: 'one input at a time, 4 validators, 1 lying',
    model: {
      file: 'events.qnt',
      main: 'events4',
      init: 'initEvents',
      step: 'stepEvents',
      steps: 100,
      invariants: ['safe'],
      witnesses: ['committedTwice', 'skipped', 'doubled', 'recovered'],
    },
    share: 1 / 10,
  },
];
