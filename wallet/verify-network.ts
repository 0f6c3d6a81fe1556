/**
 * What a wallet verifies before the first byte is sealed: that the genesis is the one of the chain id, that the policy
 * accepts platform and measurement, that every present validator's evidence binds its enclave's keys to that measurement,
 * and that a quorum of those enclaves signed the key to seal to.
 */
import type { NetworkDocument } from '../protocol/api.ts';
import type { ChainId, Measurement } from '../protocol/brand.ts';
import { evidenceFaults, type PolicyClass } from '../protocol/consensus/admission.ts';
import { validatorSetOf } from '../protocol/consensus/configuration.ts';
import type { SealingTarget } from '../protocol/envelope-seal.ts';
import { epochKeyOf, provenEpochKeys } from '../protocol/epoch-key.ts';
import { chainIdOf, type Genesis, genesisFromJson } from '../protocol/genesis.ts';
import type { HpkeSuite } from '../protocol/hpke.ts';
import { fromBase64 } from '../protocol/json-shape.ts';
import type { EpochTrail } from './epoch-trail.ts';
import { walletErrors } from './errors.ts';

/** What a wallet accepts. */
export interface WalletPolicy {
  /** `testnet` permits the simulated platform, which protects nothing; `production` refuses it. */
  readonly policyClass: PolicyClass;
  /** Accepted enclave measurements; absent accepts the one that the genesis names. */
  readonly measurements?: readonly Measurement[];
  /** KEM suite of envelopes: hybrid X-Wing unless set. */
  readonly suite?: HpkeSuite;
}

/** A network whose every claim was verified against the chain id. */
export interface VerifiedNetwork {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  /** The proven epochs; it grows while the connection lasts. */
  readonly epochs: EpochTrail;
  readonly target: SealingTarget;
  readonly simulated: boolean;
}

/** The genesis of a node's document. Throws ANSWER_MALFORMED or NODE_ON_OTHER_CHAIN. */
export const checkedGenesis = (document: NetworkDocument, chainId: ChainId): Genesis => {
  let genesis: Genesis;
  try {
    genesis = genesisFromJson(document.genesis);
  } catch (cause) {
    throw walletErrors.error('ANSWER_MALFORMED', { part: 'genesis' }, cause);
  }
  const found = chainIdOf(genesis);
  if (found !== chainId) throw walletErrors.error('NODE_ON_OTHER_CHAIN', { expected: chainId, found });
  return genesis;
};

const checkPolicy = (genesis: Genesis, policy: WalletPolicy): void => {
  const refuse = (rule: string): never => {
    throw walletErrors.error('POLICY_REFUSED', { rule });
  };
  if (policy.policyClass === 'production' && genesis.platform === 'sim')
    refuse('a production policy refuses the simulated platform');
  if (policy.policyClass === 'production' && genesis.policyClass !== 'production') refuse('the network is a testnet');
  if (policy.measurements?.includes(genesis.measurement) === false)
    refuse('the enclave measurement is not an accepted one');
};

const checkEvidence = (genesis: Genesis, epochs: EpochTrail, policy: WalletPolicy): void => {
  for (const validator of epochs.newest.configuration.validators) {
    const reasons = evidenceFaults(genesis, validator, policy.policyClass);
    if (reasons.length > 0)
      throw walletErrors.error('EVIDENCE_REFUSED', { validator: validator.name, reasons: reasons.join(' ') });
  }
};

const sealingTarget = (
  document: NetworkDocument,
  chainId: ChainId,
  epochs: EpochTrail,
  suite: HpkeSuite,
): SealingTarget => {
  const signed = document.epochKeys.map(({ enclaveKey, statement, signature }) => ({
    enclaveKey,
    statement: fromBase64(statement),
    signature: fromBase64(signature),
  }));
  const proof = provenEpochKeys(signed, chainId, validatorSetOf(epochs.newest.configuration));
  if (proof.verdict === 'unproven')
    throw walletErrors.error('EPOCH_KEY_UNPROVEN', { valid: proof.valid, needed: proof.needed });
  const epochPublicKey = epochKeyOf(proof.statement, suite);
  if (epochPublicKey === undefined) throw walletErrors.error('EPOCH_KEY_UNPROVEN', { suite });
  return { chainId, keyEpoch: proof.statement.epoch, suite, epochPublicKey };
};

/**
 * Verifies a node's network document as of the newest epoch of the trail, which stands on the document's genesis. Throws
 * the first rule that it breaks; nothing has been sealed by then.
 */
export const verifyNetwork = (
  document: NetworkDocument,
  genesis: Genesis,
  epochs: EpochTrail,
  policy: WalletPolicy,
): VerifiedNetwork => {
  const chainId = chainIdOf(genesis);
  checkPolicy(genesis, policy);
  checkEvidence(genesis, epochs, policy);
  const target = sealingTarget(document, chainId, epochs, policy.suite ?? 'x-wing');
  return { chainId, genesis, epochs, target, simulated: genesis.platform === 'sim' };
};
