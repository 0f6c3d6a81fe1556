/** Genesis of a tiny network: seeded keys and genuine evidence of the simulated platform. */
import { ed25519PublicKey, sha256 } from '#primitives';
import { certifySimProcessor, makeSimEvidence, reportDataOf } from '../../protocol/attestation.ts';
import type { Measurement, PublicKey } from '../../protocol/brand.ts';
import { contributionCommitment, defaultParameters, type Genesis } from '../../protocol/genesis.ts';
import { toHex, utf8 } from '../../protocol/hash.ts';
import { hpkeKeyPair } from '../../protocol/hpke.ts';

/** A party's or validator's seeded secret. */
export const secretOf = (label: string): Uint8Array => sha256(utf8(label));
const publicOf = (secret: Uint8Array): PublicKey => toHex(ed25519PublicKey(secret)) as PublicKey;

/** Validators of a tiny network. */
export const VALIDATORS = 4;
const MEASUREMENT = 'ab'.repeat(48) as Measurement;

/** The secrets of one validator. */
export interface Party {
  readonly validatorSecret: Uint8Array;
  readonly enclaveSecret: Uint8Array;
}

/** What a test may bend in the genesis. */
export interface TinyOptions {
  readonly network?: string;
  /** Replaces the evidence of validator 0. */
  readonly evidence?: (genuine: Uint8Array) => Uint8Array;
  readonly debug?: boolean;
}

/** The genesis of a tiny network, with genuine evidence unless bent. */
export const genesisOf = (parties: readonly Party[], network: string, options: TinyOptions): Genesis => {
  const rootSecret = secretOf(`${network}/root`);
  const processorSecret = secretOf(`${network}/processor`);
  const certificate = certifySimProcessor(rootSecret, new Uint8Array(16), publicOf(processorSecret));
  const validators = parties.map((party, index) => {
    const enclaveKey = publicOf(party.enclaveSecret);
    const enclaveKem = hpkeKeyPair('x-wing', secretOf(`${network}/kem/${index}`)).publicKey;
    const reportData = reportDataOf({ platform: 'sim', enclaveKey, enclaveKem, nonce: new Uint8Array(32) });
    const quote = { measurement: MEASUREMENT, debug: options.debug === true && index === 0, reportData };
    const genuine = makeSimEvidence(processorSecret, certificate, quote);
    return {
      name: `validator-${index}`,
      validatorKey: publicOf(party.validatorSecret),
      peerId: `peer-${index}`,
      enclaveKey,
      enclaveKem: toHex(enclaveKem),
      evidence: toHex(index === 0 && options.evidence !== undefined ? options.evidence(genuine) : genuine),
      contribution: index < 2 ? contributionCommitment(secretOf(`${network}/share/${index}`)) : undefined,
    };
  });
  return {
    version: 1,
    network,
    timeMs: 1_700_000_000_000,
    policyClass: 'testnet',
    platform: 'sim',
    measurement: MEASUREMENT,
    simRoot: publicOf(rootSecret),
    parameters: defaultParameters,
    members: [{ name: 'member', key: publicOf(secretOf(`${network}/member`)) }],
    threshold: 1,
    validators,
  };
};
