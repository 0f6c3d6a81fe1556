/**
 * Rotation of a consensus key: the home draws the key that is to follow and proves that it has it; members of the
 * consortium then put it in the place of the old one. Both keys stay in the home until the network has changed over.
 */
import { ed25519Sign, randomBytes } from '#primitives';
import type { ChainId, PublicKey } from '../protocol/brand.ts';
import { keyRotationBytes } from '../protocol/consensus/governance.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { chainIdOf } from '../protocol/genesis.ts';
import { custodyFault } from './custody.ts';
import { epochsOf } from './epochs.ts';
import { homePaths, readGenesis, readKeystore, writeKeystore } from './home.ts';
import { afterRotation, validatorKeysOf } from './keystore.ts';
import { openSigningState } from './storage.ts';

/** A change of a validator's consensus key, as its operator publishes it; nothing in it is secret. */
export interface Rotation {
  readonly chainId: ChainId;
  readonly validatorKey: PublicKey;
  readonly newKey: PublicKey;
  /** Signature of the new key over the change. */
  readonly proof: Uint8Array;
}

/**
 * Prepares the rotation of a stopped validator's key; again, it gives the same rotation until that is carried out. Works
 * also for a key that was used elsewhere. Throws KEY_IN_USE while it runs, KEY_EXPORTED, GUARD_UNFINISHED, UNSAFE_TO_SIGN.
 */
export const rotateKey = async (home: string, passphrase: string): Promise<Rotation> => {
  const genesis = await readGenesis(homePaths(home).genesis);
  const chainId = chainIdOf(genesis);
  const stored = await readKeystore(home, passphrase);
  await using state = await openSigningState({ home, chainId, ...stored });
  const fault = custodyFault(stored.custody, state.custody);
  if (fault !== undefined && !isCloisterError(fault, 'KEY_USED_TWICE')) throw fault;
  const present = epochsOf(state.ledger, genesis).at(-1);
  const { secrets, custody } = afterRotation(stored, present?.validatorKeys ?? []);
  const next = secrets.next ?? randomBytes(32);
  const rotating = { ...secrets, next };
  await writeKeystore(home, { secrets: rotating, custody }, passphrase);
  const [validatorKey, newKey] = validatorKeysOf(rotating);
  if (validatorKey === undefined || newKey === undefined) throw new TypeError('there are two keys');
  return { chainId, validatorKey, newKey, proof: ed25519Sign(keyRotationBytes(chainId, validatorKey, newKey), next) };
};
