/**
 * Planted changes of the rules (consensus design §5.5). Those that break safety must be found: an explorer that finds
 * nothing proves nothing. Those that only cost accountability must not be: one that cries wolf proves nothing either.
 */
import type { BlockState } from '../../consensus/state.ts';
import { certificate } from '../unit/consensus/harness.ts';
import type { Weakening } from './rules.ts';

/** A weakening with the size at which it shows. */
export interface PlantedWeakening {
  readonly name: string;
  readonly validators: number;
  readonly weakening: Weakening;
  /** Whether it lets a chain fork. */
  readonly forks: boolean;
}

/** The judge sees all nullifications that the parent would need, whether they exist or not. */
const fillGap = (block: BlockState, validators: number): BlockState => {
  const { view, parentView } = block.header;
  const gap = Array.from({ length: view - parentView - 1 }, (_, i) =>
    certificate(validators, 'nullify', parentView + 1 + i),
  );
  return { ...block, justification: { ...block.justification, nullifications: gap } };
};

/** The judge sees a parent certificate of the right view as one of the right block. */
const renameParent = (block: BlockState): BlockState => {
  const { parent, nullifications } = block.justification;
  const renamed = parent === undefined ? undefined : { ...parent, hash: block.header.parentHash };
  return { ...block, justification: { parent: renamed, nullifications } };
};

/** All planted weakenings. */
export const weakenings: readonly PlantedWeakening[] = [
  {
    name: 'finalise although nullified',
    validators: 4,
    weakening: { forget: (own, kind) => kind === 'finalize' && (own.nullify = false) },
    forks: true,
  },
  {
    name: 'nullify although finalised',
    validators: 4,
    weakening: { forget: (own, kind) => kind === 'nullify' && (own.finalize = undefined) },
    forks: true,
  },
  { name: 'parent gap not checked', validators: 4, weakening: { show: fillGap }, forks: true },
  { name: 'certificate of another parent', validators: 4, weakening: { show: renameParent }, forks: true },
  { name: 'quorum 2f + 1 at n = 6', validators: 6, weakening: { quorum: () => 3 }, forks: true },
  { name: 'simple majority as quorum', validators: 7, weakening: { quorum: () => 4 }, forks: true },
  {
    name: 'two NOTARIZE votes in a view',
    validators: 4,
    weakening: { forget: (own, kind) => kind === 'notarize' && (own.notarize = own.finalize = undefined) },
    forks: true,
  },
  {
    name: 'votes lost in a crash (D1)',
    validators: 4,
    weakening: { forget: (own) => Object.assign(own, { notarize: undefined, nullify: false, finalize: undefined }) },
    forks: true,
  },
  {
    name: 'finalise against own NOTARIZE',
    validators: 4,
    weakening: { forget: (own, kind) => kind === 'finalize' && (own.notarize = undefined) },
    forks: false,
  },
  {
    name: 'notarise against own FINALIZE',
    validators: 4,
    weakening: { forget: (own, kind) => kind === 'notarize' && (own.finalize = undefined) },
    forks: false,
  },
  {
    name: 'two FINALIZE votes in a view',
    validators: 4,
    weakening: { forget: (own, kind) => kind === 'finalize' && (own.finalize = undefined) },
    forks: false,
  },
];
