/** What a configuration means for its operators, in words: quorum, fault tolerance, and what a change does to both. */
import type { Configuration } from '../protocol/consensus/configuration.ts';
import type { Change } from '../protocol/consensus/governance.ts';
import { faultBound, quorumOf } from '../protocol/genesis.ts';

/** Numbers of a validator set that operators reason with. */
export interface Tolerance {
  readonly validators: number;
  /** Votes that make a block final. */
  readonly quorum: number;
  /** Validators that may lie or fail at once. */
  readonly faults: number;
}

/** The tolerance of a number of validators. */
export const toleranceOf = (validators: number): Tolerance => ({
  validators,
  quorum: quorumOf(validators),
  faults: faultBound(validators),
});

const sentence = ({ validators, quorum, faults }: Tolerance): string =>
  `${validators} validators, ${quorum} of them decide, ${faults} may fail or lie at once`;

/** Validators after some changes. */
export const validatorsAfter = ({ validators }: Configuration, changes: readonly Change[]): number =>
  changes.reduce(
    (count, { kind }) => (kind === 'addValidator' ? count + 1 : kind === 'removeValidator' ? count - 1 : count),
    validators.length,
  );

/** Before and after, and what follows from it. */
export const explainChange = (before: Tolerance, after: Tolerance): string[] => {
  const lines = [`Before: ${sentence(before)}.`, `After:  ${sentence(after)}.`];
  if (after.validators === before.validators) return lines;
  const next = 3 * (after.faults + 1) + 1;
  if (after.faults > before.faults) return [...lines, 'The network tolerates one more faulty validator than before.'];
  if (after.faults < before.faults)
    return [...lines, 'The network tolerates FEWER faulty validators: make sure that none is down while this happens.'];
  if (after.validators < before.validators)
    return [...lines, 'The network tolerates as many faulty validators as before, of fewer.'];
  return [...lines, `One more fault is tolerated from ${next} validators on.`];
};

/** One change, in words. */
export const describeChange = (change: Change, { validators }: Configuration): string => {
  const nameOf = (key: string): string => validators.find(({ validatorKey }) => validatorKey === key)?.name ?? key;
  switch (change.kind) {
    case 'addValidator':
      return `add validator ${change.validator.name}`;
    case 'removeValidator':
      return `remove validator ${nameOf(change.validatorKey)}`;
    case 'rotateKey':
      return `give validator ${nameOf(change.validatorKey)} the key ${change.newKey.slice(0, 16)}…`;
    case 'setParameters':
      return 'set parameters';
    case 'addObserver':
      return `add observer ${change.observer.name}`;
    case 'removeObserver':
      return `remove observer ${change.peerId}`;
  }
};
