/** Evidence of the simplest kind under real keys: a validator that notarised two blocks of one view. */
import type { BlockHash, ValidatorIndex } from '../../protocol/brand.ts';
import { view } from '../../protocol/brand.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { Evidence } from '../../protocol/consensus/evidence.ts';
import { voteBytes } from '../../protocol/consensus/vote.ts';
import type { KeyRing } from '../support/real-chain.ts';

/** E1 against a validator of an epoch. */
export const doubleVote = (anchor: EpochAnchor, keys: KeyRing, signer: number): Evidence => {
  const { chainId, epoch, validatorKeys } = anchor;
  const [first, second] = (['aa', 'bb'] as const).map((byte) => {
    const statement = { kind: 'notarize', epoch, view: view(7), hash: byte.repeat(32) as BlockHash } as const;
    const signature = keys.sign(validatorKeys[signer], voteBytes(chainId, statement));
    return { ...statement, signer: signer as ValidatorIndex, signature };
  });
  if (first === undefined || second === undefined) throw new RangeError('two votes were made');
  return { kind: 'votes', rule: 'E1', first, second };
};
