/** What agreement is configured with: derived from the genesis alone, the same on every node, enclave and wallet. */
import type { BlockHash, ChainId, Epoch, Hash, Height, PublicKey, View } from '../brand.ts';
import { epoch, height, view } from '../brand.ts';
import { chainIdOf, type Genesis, quorumOf } from '../genesis.ts';
import { domainHash, fromHex, u64Bytes } from '../hash.ts';
import type { SignerSet } from './certificate.ts';
import { genesisBlockId } from './header.ts';

/** A point of the chain that needs no further proof: the genesis, or a block whose finality was verified. */
export interface ChainPoint {
  readonly id: BlockHash;
  readonly height: Height;
  readonly view: View;
  readonly timeMs: number;
}

/** Validator set and base of an epoch. */
export interface EpochAnchor extends SignerSet {
  readonly chainId: ChainId;
  readonly epoch: Epoch;
  readonly validatorKeys: readonly PublicKey[];
  readonly quorum: number;
  /** Hash of the configuration, repeated in every header of the epoch. */
  readonly configHash: Hash;
  /** The epoch's base, treated as view 0, notarised and final (consensus design §2.4). */
  readonly base: ChainPoint;
}

/** Hash of an epoch's configuration: epoch, chain and the ordered validator keys. */
export const configurationHash = (chainId: ChainId, epochNumber: number, validatorKeys: readonly PublicKey[]): Hash =>
  domainHash(
    'cloister/configuration',
    u64Bytes(epochNumber),
    fromHex(chainId),
    ...validatorKeys.map((key) => fromHex(key)),
  );

/** Anchor of the first epoch of a chain with these validators. */
export const firstEpoch = (
  chainId: ChainId,
  validatorKeys: readonly PublicKey[],
  genesisTimeMs: number,
): EpochAnchor => ({
  chainId,
  epoch: epoch(1),
  validatorKeys,
  quorum: quorumOf(validatorKeys.length),
  configHash: configurationHash(chainId, 1, validatorKeys),
  base: { id: genesisBlockId(chainId), height: height(0), view: view(0), timeMs: genesisTimeMs },
});

/** Anchor of a genesis. */
export const epochAnchorOf = (genesis: Genesis): EpochAnchor =>
  firstEpoch(
    chainIdOf(genesis),
    genesis.validators.map((validator) => validator.validatorKey),
    genesis.timeMs,
  );
