/**
 * Leader order: leader(e, v) = P_e[v mod n], P_e a Fisher–Yates shuffle of the validator order seeded by the epoch's
 * base (consensus design §2.9). A pure function of hashed configuration, so no node can disagree about it.
 */
import type { ValidatorIndex } from '../brand.ts';
import type { EpochAnchor } from './configuration.ts';
import { domainHashBytes, fromHex, u64Bytes } from '../hash.ts';

/** Uniform integer below `bound`: 48 bits of a hash; the bias for bound ≤ 100 is below 2^-41. */
const below = (seed: Uint8Array, counter: number, bound: number): number => {
  const digest = domainHashBytes('cloister/leader-draw', seed, u64Bytes(counter));
  let value = 0;
  for (let i = 0; i < 6; i += 1) value = value * 256 + (digest[i] ?? 0);
  return value % bound;
};

const orders = new WeakMap<EpochAnchor, readonly ValidatorIndex[]>();

/** Permutation of the validators whose element v mod n leads view v. */
export const leaderOrder = (anchor: EpochAnchor): readonly ValidatorIndex[] => {
  const known = orders.get(anchor);
  if (known !== undefined) return known;
  const seed = domainHashBytes('cloister/leader', fromHex(anchor.base.id), u64Bytes(anchor.epoch));
  const order = anchor.validatorKeys.map((_key, index) => index as ValidatorIndex);
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = below(seed, i, i + 1);
    const moved = order[i] as ValidatorIndex;
    order[i] = order[j] as ValidatorIndex;
    order[j] = moved;
  }
  orders.set(anchor, order);
  return order;
};
