/**
 * Who governs a network and which validators its policy lets in, both fixed by the genesis: used by agreement, enclaves,
 * wallets and auditors alike, so that a validator is admitted everywhere or nowhere.
 */
import { type AttestationFault, reportDataOf, verifySimEvidence } from '../attestation.ts';
import { chainIdOf, type Genesis, type Validator } from '../genesis.ts';
import { fromHex } from '../hex.ts';
import type { Governance } from './reconfigure.ts';

/** Evidence that stands in a configuration answers no challenge. */
const NO_NONCE = new Uint8Array(32);

/** Class of policy: `production` refuses simulated platforms. */
export type PolicyClass = 'testnet' | 'production';

/** Every reason for which a policy refuses a validator's attestation evidence; none means that it is admitted. */
export const evidenceFaults = (
  genesis: Pick<Genesis, 'simRoot' | 'measurement'>,
  { enclaveKey, enclaveKem, evidence }: Pick<Validator, 'enclaveKey' | 'enclaveKem' | 'evidence'>,
  policyClass: PolicyClass,
): readonly AttestationFault[] => {
  const verdict = verifySimEvidence(fromHex(evidence), genesis.simRoot, {
    policyClass,
    measurements: [genesis.measurement],
    reportData: reportDataOf({ platform: 'sim', enclaveKey, enclaveKem: fromHex(enclaveKem), nonce: NO_NONCE }),
  });
  return verdict.verdict === 'refused' ? verdict.codes : [];
};

/** The policy class of a genesis. */
export const policyClassOf = ({ policyClass }: Pick<Genesis, 'policyClass'>): PolicyClass =>
  policyClass === 'testnet' ? 'testnet' : 'production';

/** Who governs the chain of a genesis; the evidence of each validator object is checked once. */
export const governanceOf = (genesis: Genesis): Governance => {
  const admitted = new WeakMap<Validator, boolean>();
  const admits = (validator: Validator): boolean => {
    const known = admitted.get(validator);
    if (known !== undefined) return known;
    const fresh = evidenceFaults(genesis, validator, policyClassOf(genesis)).length === 0;
    admitted.set(validator, fresh);
    return fresh;
  };
  return {
    chainId: chainIdOf(genesis),
    members: genesis.members.map(({ key }) => key),
    threshold: genesis.threshold,
    admits,
  };
};
