/**
 * Justifications: why a block may stand on its parent. Every proposal carries its own, so that no node ever has to
 * trust or ask for what another one saw (consensus design §2.3; rule from §1.2).
 */
import type { Hash } from '../brand.ts';
import { type Codec, list, optional, struct } from '../codec.ts';
import { domainHash } from '../hash.ts';
import { type Certificate, certificateBytes, certificateCodec } from './certificate.ts';

/** Most nullifications in one justification: the longest outage at 30 s a view that one proposal can span, 8.5 h. */
export const MAX_NULLIFICATIONS = 1024;

/** Certificate of the parent (absent at the epoch's base), and a nullification for every view in between, ascending. */
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
