/**
 * What a wallet verifies before the first byte is sealed: that the genesis is the one of the chain id, that the policy
 * accepts platform and measurement, that every validator's evidence binds its enclave's keys to that measurement, and
 * that a quorum of those enclaves signed the key to seal to.
 */
import type { NetworkDocument } from '../protocol/api.ts';
import { reportDataOf, verifySimEvidence } from '../protocol/attestation.ts';
import type { ChainId, Measurement } from '../protocol/brand.ts';
import type { SealingTarget } from '../protocol/envelope-seal.ts';
import { epochKeyOf, provenEpochKeys } from '../protocol/epoch-key.ts';
import {
  chainIdOf,
  type Genesis,
  genesisFromJson,
  type Validator,
  type ValidatorSet,
  validatorSetOf,
} from '../protocol/genesis.ts';
import { fromHex } from '../protocol/hex.ts';
import type { HpkeSuite } from '../protocol/hpke.ts';
import { fromBase64 } from '../protocol/json-shape.ts';
import { walletErrors } from './errors.ts';

/** What a wallet accepts. */
export interface WalletPolicy {
  /** `testnet` permits the simulated platform, which protects nothing; `production` refuses it. */
  readonly policyClass: 'testnet' | 'production';
  /** Accepted enclave measurements; absent accepts the one that the genesis names. */
  readonly measurements?: readonly Measurement[];
  /** KEM suite of envelopes: hybrid X-Wing unless set. */
  readonly suite?: HpkeSuite;
}

/** A network whose every claim was verified against the chain id. */
export interface VerifiedNetwork {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly validators: ValidatorSet;
  readonly target: SealingTarget;
  readonly simulated: boolean;
}

/** Evidence that stands in a genesis answers no challenge. */
const NO_NONCE = new Uint8Array(32);

const checkedGenesis = (document: NetworkDocument, chainId: ChainId): Genesis => {
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

const checkEvidence = (genesis: Genesis, validator: Validator, index: number, policy: WalletPolicy): void => {
  const reportData = reportDataOf({
    platform: genesis.platform as 'sim',
    enclaveKey: validator.enclaveKey,
    enclaveKem: fromHex(validator.enclaveKem),
    nonce: NO_NONCE,
  });
  const verdict = verifySimEvidence(fromHex(validator.evidence), genesis.simRoot, {
    policyClass: policy.policyClass,
    measurements: [genesis.measurement],
    reportData,
  });
  if (verdict.verdict === 'refused') {
    throw walletErrors.error('EVIDENCE_REFUSED', { validator: index, reasons: verdict.codes.join(' ') });
  }
};

const sealingTarget = (
  document: NetworkDocument,
  genesis: Genesis,
  chainId: ChainId,
  suite: HpkeSuite,
): SealingTarget => {
  const signed = document.epochKeys.map(({ validator, statement, signature }) => ({
    validator,
    statement: fromBase64(statement),
    signature: fromBase64(signature),
  }));
  const proof = provenEpochKeys(signed, chainId, validatorSetOf(genesis));
  if (proof.verdict === 'unproven')
    throw walletErrors.error('EPOCH_KEY_UNPROVEN', { valid: proof.valid, needed: proof.needed });
  const epochPublicKey = epochKeyOf(proof.statement, suite);
  if (epochPublicKey === undefined) throw walletErrors.error('EPOCH_KEY_UNPROVEN', { suite });
  return { chainId, keyEpoch: proof.statement.epoch, suite, epochPublicKey };
};

/** Verifies a node's network document. Throws the first rule that it breaks; nothing has been sealed by then. */
export const verifyNetwork = (document: NetworkDocument, chainId: ChainId, policy: WalletPolicy): VerifiedNetwork => {
  const genesis = checkedGenesis(document, chainId);
  checkPolicy(genesis, policy);
  genesis.validators.forEach((validator, index) => {
    checkEvidence(genesis, validator, index, policy);
  });
  const target = sealingTarget(document, genesis, chainId, policy.suite ?? 'x-wing');
  return { chainId, genesis, validators: validatorSetOf(genesis), target, simulated: genesis.platform === 'sim' };
};
