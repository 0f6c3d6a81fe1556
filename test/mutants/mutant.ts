/**
 * A planted mistake: one edit of the product's own text, made while it is loaded for a hunt and nowhere else. So every
 * layer of tests meets the same mistake, and the product has no switch for any.
 */
import type { Lie } from '../sim/scenario.ts';

/** A layer of tests that may find a mistake. */
export type Layer = 'explorer' | 'crashes' | 'simulation' | 'twins' | 'unit';

/** A mistake, and who must find it. */
export interface Mutant {
  readonly name: string;
  /** What the mistake leads to, in words. */
  readonly effect: string;
  readonly file: string;
  /** Text that occurs exactly once in the file, and what stands there instead. */
  readonly find: string;
  readonly replace: string;
  /** Layers that must find it. */
  readonly foundBy: readonly Layer[];
  /** Whether it shows only where epochs change, which happens in the simulation and in unit tests. */
  readonly betweenEpochs?: boolean;
  /** Size of the network in which it shows; 4 unless told. */
  readonly validators?: number;
  /** The liar in the simulation, where those that are drawn rarely bring the mistake about. */
  readonly liar?: Lie;
  /** Whether the network is slower than the base timeout. */
  readonly slow?: boolean;
  /** Whether the simulation watches for forks and stalls only, not for what honest validators sign. */
  readonly outcomeOnly?: boolean;
  /** Seeds within which the simulation must find it; 200 unless told. */
  readonly seeds?: number;
}

/** A file's text with the mistake in it. */
export const planted = ({ name, file, find, replace }: Mutant, text: string): string => {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${name}: its text occurs ${parts.length - 1} times in ${file}`);
  return parts.join(replace);
};
