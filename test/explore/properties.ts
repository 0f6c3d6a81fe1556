/**
 * What must hold of every history (consensus design §2.7 S1–S5, §5.3), in terms of blocks and certificates alone. Each
 * property is asked after every view and judges what that view added.
 */
import { BASE, FINALIZED, has, type History, NOTARIZED, NULLIFIED } from './notation.ts';

/** Something that every history satisfies. */
export interface Property {
  readonly name: string;
  /** Whether it holds with this view, given that it held without. */
  readonly holds: (history: History, view: number) => boolean;
}

/** Whether a block is another one or stands on it. */
const standsOn = ({ parents }: History, block: number, other: number): boolean => {
  let at = block;
  while (at > other) at = parents[at] ?? BASE;
  return at === other;
};

/** Asks something of each block of a view that has a certificate. */
const everyNew =
  (kind: readonly [number, number], holds: (history: History, block: number) => boolean): Property['holds'] =>
  (history, view) => {
    for (let block = 2 * view - 2; block < 2 * view; block += 1)
      if (has(history, block, kind) && !holds(history, block)) return false;
    return true;
  };

/** S4: of two finalised blocks one stands on the other. */
export const agreement: Property = {
  name: 'P1 two finalised blocks on different chains',
  holds: everyNew(FINALIZED, (history, block) => {
    for (let earlier = 0; earlier < block; earlier += 1)
      if (has(history, earlier, FINALIZED) && !standsOn(history, block, earlier)) return false;
    return true;
  }),
};

/** S2: a view ends one way. */
const finalOrSkipped: Property = {
  name: 'P2 a view both finalised and nullified',
  holds: everyNew(FINALIZED, ({ certificates }, block) => ((certificates[block >> 1] ?? 0) & NULLIFIED) === 0),
};

/** S1: at most one notarization a view. */
const oneNotarization: Property = {
  name: 'P3 two notarised blocks in one view',
  holds: everyNew(NOTARIZED, (history, block) => !has(history, block ^ 1, NOTARIZED)),
};

/** What is final is notarised; what is notarised stands on notarised blocks. */
const notarizedParents: Property = {
  name: 'P4 a certified block without a notarization below it',
  holds: (history, view) =>
    everyNew(FINALIZED, (_, block) => has(history, block, NOTARIZED))(history, view) &&
    everyNew(NOTARIZED, ({ parents }, block) => {
      const parent = parents[block] ?? BASE;
      return parent === BASE || has(history, parent, NOTARIZED);
    })(history, view),
};

/** S5, and S3 with P2: a notarised block stands on every notarised one before it whose view was not nullified. */
const forcedInclusion: Property = {
  name: 'P5 a notarised block that was never nullified is left out',
  holds: everyNew(NOTARIZED, (history, block) => {
    for (let earlier = 0; earlier < block - (block & 1); earlier += 1) {
      const binds = has(history, earlier, NOTARIZED) && ((history.certificates[earlier >> 1] ?? 0) & NULLIFIED) === 0;
      if (binds && !standsOn(history, block, earlier)) return false;
    }
    return true;
  }),
};

/** All properties. */
export const PROPERTIES: readonly Property[] = [
  agreement,
  finalOrSkipped,
  oneNotarization,
  notarizedParents,
  forcedInclusion,
];
