/**
 * Justifications: why a block may stand on its parent. Every proposal carries its own, so that after a few failed views
 * no node has to ask for what another one saw (consensus design §2.3; rule from §1.2).
 *
 * A block that skips more views than its justification may carry nullifications carries those of the last ones. Whoever
 * votes for it, or takes it for final, holds a nullification of every other skipped view as well: any genuine one, no
 * matter by whom it was signed, since all of them say the same (docs/adr/0019).
 */
import type { Hash, View } from '../brand.ts';
import { type Codec, list, optional, struct } from '../codec.ts';
import { domainHash } from '../hash.ts';
import { type Certificate, certificateBytes, certificateCodec } from './certificate.ts';

/** Most nullifications in one justification: with any of them, evidence about a block fits a system transaction. */
export const MAX_NULLIFICATIONS = 12;

/** Consecutive views, both ends included. */
export interface ViewRange {
  readonly from: View;
  readonly to: View;
}

/** The views that a block skips and whose nullifications do not travel with it; undefined where all of them do. */
export const unattachedViews = ({ view, parentView }: { view: number; parentView: number }): ViewRange | undefined => {
  const from = (parentView + 1) as View;
  const to = (view - MAX_NULLIFICATIONS - 1) as View;
  return from > to ? undefined : { from, to };
};

/**
 * Certificate of the parent (absent at the epoch's base), and a nullification for every view in between, ascending; of
 * more than `MAX_NULLIFICATIONS` views, for the last of them.
 */
export interface Justification {
  readonly parent: Certificate | undefined;
  readonly nullifications: readonly Certificate[];
}

/** A justification on the wire. */
export const justificationCodec: Codec<Justification> = struct({
  parent: optional(certificateCodec),
  nullifications: list(certificateCodec, MAX_NULLIFICATIONS),
});

const hashOf = ({ parent, nullifications }: Justification): Hash => {
  const parts = nullifications.map(certificateBytes);
  return parent === undefined
    ? domainHash('cloister/justification', Uint8Array.of(0), ...parts)
    : domainHash('cloister/justification', Uint8Array.of(1), certificateBytes(parent), ...parts);
};

const roots = new WeakMap<Justification, Hash>();

/**
 * Hash that a header commits to in `justRoot`: parent flag, then every certificate's canonical bytes. Computed once for
 * each object.
 */
export const justificationRoot = (justification: Justification): Hash => {
  const known = roots.get(justification);
  if (known !== undefined) return known;
  const root = hashOf(justification);
  roots.set(justification, root);
  return root;
};
