/**
 * The genesis: what a network agrees on before its first block. Its hash is the chain id, the one trust anchor that
 * wallets, auditors and enclaves need.
 *
 * `genesis.json` is this object as JSON (keys and hashes as hexadecimal digits); the hash is over the canonical binary
 * encoding, so white space and field order in the file do not matter.
 */
import type { ChainId, Hash } from './brand.ts';
import { canonicalJson } from './canonical-json.ts';
import {
  decode,
  encode,
  hex,
  hexString,
  type Infer,
  list,
  optional,
  refined,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
} from './codec.ts';
import { protocolErrors } from './errors.ts';
import { domainHash } from './hash.ts';
import { MAX_MEMBERS, MAX_VALIDATORS, MIN_VALIDATORS } from './limits.ts';
import { hashCodec, measurementCodec, publicKeyCodec } from './scalars.ts';

/** Bytes of an X-Wing public key (draft-connolly-cfrg-xwing-kem): ML-KEM-768 ‖ X25519. */
export const XWING_PUBLIC_KEY_BYTES = 1216;

const between = (minimum: number, maximum: number) => (value: number) => value >= minimum && value <= maximum;

/** Parameters on which replicas must agree; each has its allowed range here. */
export const parametersCodec = struct({
  /** First view timeout, ms (consensus design §2.6). */
  baseTimeoutMs: refined(u32, between(50, 60_000)),
  /** Longest view timeout, ms. */
  maxTimeoutMs: refined(u32, between(1_000, 60_000)),
  /** Interval of the empty block that keeps an idle network fresh, ms. */
  heartbeatMs: refined(u32, between(1_000, 3_600_000)),
  /** Shortest life of an epoch, ms of consensus time: bounds how often the validator set may change. */
  minEpochMs: refined(u32, between(0, 86_400_000)),
  /** Shortest distance between blocks, ms; never a wait when the parent is older. */
  minBlockIntervalMs: refined(u32, between(0, 10_000)),
  /** Largest block body. */
  maxBodyBytes: refined(u32, between(128 * 1024, 1024 * 1024)),
  /** Most transactions in one block. */
  maxBlockTransactions: refined(u32, between(1, 4096)),
  /** Most blocks by which execution may lag behind agreement before blocks must be empty. */
  maxStateLagBlocks: refined(u32, between(8, 4096)),
  /** Gas that one call may use at most. */
  maxGasPerCall: refined(u64, between(1_000_000, 1_000_000_000_000)),
  /** Most bytes of contract state, keys and values. */
  maxStateBytes: refined(u64, between(1_000_000, 8_000_000_000)),
  /** Life of a wallet session, blocks. */
  sessionLifetimeBlocks: refined(u32, between(10, 10_000_000)),
  /** Most sessions open at once, and no more than a quarter of `maxStateBytes` holds; the least recently used makes room. */
  maxSessions: refined(u32, between(16, 1_000_000)),
});

/** A consortium member that governs the network. */
export const memberCodec = struct({ name: text(64), key: publicKeyCodec });

/** A validator: its operator's key and its enclave's identity. */
export const validatorCodec = struct({
  name: text(64),
  /** Operator's consensus key. */
  validatorKey: publicKeyCodec,
  /** libp2p peer id of the node. */
  peerId: text(128),
  /** Key with which the validator's enclave signs results. */
  enclaveKey: publicKeyCodec,
  /** X-Wing key to which other enclaves seal the epoch secret for this enclave. */
  enclaveKem: hex(XWING_PUBLIC_KEY_BYTES),
  /** Attestation evidence that binds both enclave keys to the measurement. */
  evidence: hexString(8192),
  /** Commitment to this enclave's share of the first epoch secret; the first f + 1 validators of a genesis have one. */
  contribution: optional(hashCodec),
  /** Multiaddress at which peers reach the node, where it is agreed on; a node's own settings may name another. */
  address: optional(text(256)),
});

/** The genesis document; see the module comment. */
export const genesisCodec = struct({
  version: refined(u8, (value) => value === 1),
  network: refined(text(64), (value) => value.length > 0),
  timeMs: u64,
  /** `testnet` permits the simulated platform; `production` refuses it. */
  policyClass: refined(text(16), (value) => value === 'testnet' || value === 'production'),
  platform: refined(text(16), (value) => value === 'sim'),
  measurement: measurementCodec,
  /** Root key of the simulated processors of this network. */
  simRoot: publicKeyCodec,
  parameters: parametersCodec,
  members: list(memberCodec, MAX_MEMBERS),
  /** Members whose approval activates a contract. */
  threshold: u16,
  validators: list(validatorCodec, MAX_VALIDATORS),
});

/** The genesis document. */
export type Genesis = Infer<typeof genesisCodec>;
/** Parameters on which replicas agree. */
export type Parameters = Infer<typeof parametersCodec>;
/** One validator of the genesis. */
export type Validator = Infer<typeof validatorCodec>;
/** One governing member. */
export type Member = Infer<typeof memberCodec>;

/** Parameters of a network of a few validators on a local or metropolitan network. */
export const defaultParameters: Parameters = {
  baseTimeoutMs: 1_000,
  maxTimeoutMs: 30_000,
  heartbeatMs: 30_000,
  minEpochMs: 60_000,
  minBlockIntervalMs: 20,
  maxBodyBytes: 1024 * 1024,
  maxBlockTransactions: 4096,
  maxStateLagBlocks: 256,
  maxGasPerCall: 100_000_000_000,
  maxStateBytes: 1_000_000_000,
  sessionLifetimeBlocks: 1_000_000,
  maxSessions: 100_000,
};

const chainIds = new WeakMap<Genesis, ChainId>();

/** Chain id of a genesis: hash of its canonical encoding; computed once for each object. */
export const chainIdOf = (genesis: Genesis): ChainId => {
  const known = chainIds.get(genesis);
  if (known !== undefined) return known;
  const chainId = domainHash('cloister/genesis', encode(genesisCodec, genesis)) as ChainId;
  chainIds.set(genesis, chainId);
  return chainId;
};

/** Largest number of validators that may lie: f = ⌊(n − 1) / 3⌋. */
export const faultBound = (validators: number): number => Math.floor((validators - 1) / 3);

/** Votes that make a certificate: q = n − f (never 2f + 1, which forks when n ≠ 3f + 1). */
export const quorumOf = (validators: number): number => validators - faultBound(validators);

const distinct = (values: readonly string[]): boolean => new Set(values).size === values.length;

/** The first rule of validator sets that a set breaks, in words. */
export const validatorsFault = (validators: readonly Validator[]): string | undefined => {
  if (validators.length < MIN_VALIDATORS) return `at least ${MIN_VALIDATORS} validators are needed`;
  if (validators.length > MAX_VALIDATORS) return `at most ${MAX_VALIDATORS} validators are possible`;
  if (!distinct(validators.map((v) => v.validatorKey))) return 'two validators share a validator key';
  if (!distinct(validators.map((v) => v.enclaveKey))) return 'two validators share an enclave key';
  if (!distinct(validators.map((v) => v.peerId))) return 'two validators share a peer id';
  return distinct(validators.map((v) => v.name)) ? undefined : 'two validators share a name';
};

/** The first rule between parameters that a set of them breaks, in words; ranges are the codec's. */
export const parametersFault = ({ baseTimeoutMs, maxTimeoutMs }: Parameters): string | undefined =>
  maxTimeoutMs < baseTimeoutMs ? 'maxTimeoutMs must be at least baseTimeoutMs' : undefined;

const checkRules = (genesis: Genesis): string | undefined => {
  const { validators, members } = genesis;
  const fault = validatorsFault(validators) ?? parametersFault(genesis.parameters);
  if (fault !== undefined) return fault;
  if (!distinct(members.map((m) => m.key))) return 'two members share a key';
  if (genesis.threshold < 1 || genesis.threshold > members.length)
    return 'the threshold must lie between 1 and the number of members';
  const contributors = faultBound(validators.length) + 1;
  if (validators.some((v, index) => (v.contribution !== undefined) !== index < contributors)) {
    return `exactly the first ${contributors} validators carry a contribution`;
  }
  return undefined;
};

/** Checks a genesis beyond its field types. Throws GENESIS_INVALID naming the rule. */
export const checkGenesis = (genesis: Genesis): Genesis => {
  const broken = checkRules(genesis);
  if (broken !== undefined) throw protocolErrors.error('GENESIS_INVALID', { rule: broken });
  return genesis;
};

/** Reads a parsed `genesis.json`: every field checked, unknown fields refused. Throws GENESIS_INVALID. */
export const genesisFromJson = (json: unknown): Genesis => {
  let genesis: Genesis;
  try {
    const encoded = encode(genesisCodec, json as Genesis);
    genesis = decode(genesisCodec, encoded, encoded.length);
  } catch (cause) {
    const field = cause instanceof Error && 'data' in cause ? JSON.stringify(cause.data) : 'missing or mistyped field';
    throw protocolErrors.error('GENESIS_INVALID', { rule: field }, cause);
  }
  if (canonicalJson(json) !== canonicalJson(genesis))
    throw protocolErrors.error('GENESIS_INVALID', { rule: 'unknown field' });
  return checkGenesis(genesis);
};

/** Hash that commits to a validator's share of the first epoch secret. */
export const contributionCommitment = (contribution: Uint8Array): Hash =>
  domainHash('cloister/contribution', contribution);
