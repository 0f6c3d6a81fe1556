/**
 * Configurations: who takes part in an epoch and by which parameters, as hashed state (consensus design §3.1).
 *
 * The first one follows from the genesis; every later one from its predecessor and a governance transaction in a final
 * closing block (`reconfigure.ts`), the same on every node, enclave and wallet. Every header of an epoch repeats its hash.
 */
import type { BlockHash, ChainId, Epoch, Hash, Height, PublicKey, View } from '../brand.ts';
import { epoch, height, view } from '../brand.ts';
import { encode, type Infer, list, optional, struct, text } from '../codec.ts';
import { chainIdOf, type Genesis, parametersCodec, quorumOf, validatorCodec } from '../genesis.ts';
import { domainHash, fromHex } from '../hash.ts';
import { MAX_OBSERVERS, MAX_VALIDATORS } from '../limits.ts';
import { epochCodec } from '../scalars.ts';
import type { SignerSet } from './certificate.ts';
import { genesisBlockId } from './header.ts';

/** A non-voting replica that validators let in. */
export const observerCodec = struct({
  name: text(64),
  /** libp2p peer id of the node. */
  peerId: text(128),
  address: optional(text(256)),
});

/** A non-voting replica that validators let in. */
export type Observer = Infer<typeof observerCodec>;

/** The configuration of one epoch. */
export const configurationCodec = struct({
  epoch: epochCodec,
  parameters: parametersCodec,
  /** In the order that signer bitmaps, leader election and indexes use. */
  validators: list(validatorCodec, MAX_VALIDATORS),
  observers: list(observerCodec, MAX_OBSERVERS),
});

/** The configuration of one epoch. */
export type Configuration = Infer<typeof configurationCodec>;

/** What verifiers of results need to know of an epoch's validators, in index order. */
export interface ValidatorSet {
  readonly epoch: Epoch;
  readonly validatorKeys: readonly PublicKey[];
  readonly enclaveKeys: readonly PublicKey[];
  readonly quorum: number;
}

/** The validator set of a configuration. */
export const validatorSetOf = ({
  epoch: number,
  validators,
}: Pick<Configuration, 'epoch' | 'validators'>): ValidatorSet => ({
  epoch: number,
  validatorKeys: validators.map((validator) => validator.validatorKey),
  enclaveKeys: validators.map((validator) => validator.enclaveKey),
  quorum: quorumOf(validators.length),
});

/** A point of the chain that needs no further proof: the genesis, or a block whose finality was verified. */
export interface ChainPoint {
  readonly id: BlockHash;
  readonly height: Height;
  readonly view: View;
  readonly timeMs: number;
}

/** Configuration and base of an epoch: all that verifiers of its blocks and certificates need. */
export interface EpochAnchor extends SignerSet {
  readonly chainId: ChainId;
  readonly epoch: Epoch;
  readonly validatorKeys: readonly PublicKey[];
  readonly quorum: number;
  readonly configuration: Configuration;
  /** Hash of the configuration, repeated in every header of the epoch. */
  readonly configHash: Hash;
  /** The epoch's base, treated as view 0, notarised and final (consensus design §2.4). */
  readonly base: ChainPoint;
}

const hashes = new WeakMap<Configuration, { readonly chainId: ChainId; readonly hash: Hash }>();

/** Hash of a configuration of a chain; computed once for each object. */
export const configurationHash = (chainId: ChainId, configuration: Configuration): Hash => {
  const known = hashes.get(configuration);
  if (known?.chainId === chainId) return known.hash;
  const hash = domainHash('cloister/configuration', fromHex(chainId), encode(configurationCodec, configuration));
  hashes.set(configuration, { chainId, hash });
  return hash;
};

/** The configuration of a chain's first epoch. */
export const firstConfiguration = ({ parameters, validators }: Pick<Genesis, 'parameters' | 'validators'>) =>
  ({ epoch: epoch(1), parameters, validators, observers: [] }) satisfies Configuration;

/** Anchor of an epoch that stands on a block; the block counts as view 0 of the epoch. */
export const anchorOf = (
  chainId: ChainId,
  configuration: Configuration,
  base: Pick<ChainPoint, 'id' | 'height' | 'timeMs'>,
): EpochAnchor => ({
  chainId,
  epoch: configuration.epoch,
  validatorKeys: configuration.validators.map(({ validatorKey }) => validatorKey),
  quorum: quorumOf(configuration.validators.length),
  configuration,
  configHash: configurationHash(chainId, configuration),
  base: { ...base, view: view(0) },
});

/** Anchor of a chain's first epoch. */
export const firstAnchor = (chainId: ChainId, configuration: Configuration, genesisTimeMs: number): EpochAnchor =>
  anchorOf(chainId, configuration, { id: genesisBlockId(chainId), height: height(0), timeMs: genesisTimeMs });

const genesisAnchors = new WeakMap<Genesis, EpochAnchor>();

/** Anchor of a genesis; computed once for each object. */
export const genesisAnchor = (genesis: Genesis): EpochAnchor => {
  const known = genesisAnchors.get(genesis);
  if (known !== undefined) return known;
  const anchor = firstAnchor(chainIdOf(genesis), firstConfiguration(genesis), genesis.timeMs);
  genesisAnchors.set(genesis, anchor);
  return anchor;
};
