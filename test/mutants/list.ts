/** All planted mistakes. */
import { agreementMutants } from './agreement-mutants.ts';
import { epochMutants } from './epoch-mutants.ts';
import type { Mutant } from './mutant.ts';

/** All planted mistakes. */
export const mutants: readonly Mutant[] = [
  ...agreementMutants,
  ...epochMutants.map((mutant) => ({ ...mutant, betweenEpochs: true })),
];
