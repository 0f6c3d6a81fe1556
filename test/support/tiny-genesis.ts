/** Genesis of a tiny network: seeded keys and genuine evidence of the simulated platform. */
import { sha256 } from '#primitives';
import { certifySimProcessor, makeSimEvidence, reportDataOf } from '../../protocol/attestation.ts';
import type { Measurement } from '../../protocol/brand.ts';
import type { Signer } from '../../protocol/call.ts';
import {
  contributionCommitment,
  defaultParameters,
  type Genesis,
  type Parameters,
  type Validator,
} from '../../protocol/genesis.ts';
import { toHex, utf8 } from '../../protocol/hash.ts';
import { hpkeKeyPair } from '../../protocol/hpke.ts';
import { KeyRing, signerOf } from './real-chain.ts';

/** A party's or validator's seeded secret. */
export const secretOf = (label: string): Uint8Array => sha256(utf8(label));

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
  readonly parameters?: Partial<Parameters>;
  /** Members who govern, one unless given, and how many of them must sign. */
  readonly members?: number;
  readonly threshold?: number;
}

/** The secrets of the machine with a number; the first four are the validators of the genesis. */
export const partyOf = (network: string, machine: number): Party => ({
  validatorSecret: secretOf(`${network}/validator/${machine}`),
  enclaveSecret: secretOf(`${network}/enclave/${machine}`),
});

/** The member with a number. */
export const memberOf = (network: string, member = 0): Signer => signerOf(secretOf(`${network}/member/${member}`));

/** The validator that runs on a machine, with genuine evidence unless bent. */
export const validatorOf = (network: string, machine: number, options: TinyOptions = {}): Validator => {
  const { validatorSecret, enclaveSecret } = partyOf(network, machine);
  const processorSecret = secretOf(`${network}/processor`);
  const processorKey = signerOf(processorSecret).publicKey;
  const certificate = certifySimProcessor(secretOf(`${network}/root`), new Uint8Array(16), processorKey);
  const enclaveKey = signerOf(enclaveSecret).publicKey;
  const enclaveKem = hpkeKeyPair('x-wing', secretOf(`${network}/kem/${machine}`)).publicKey;
  const reportData = reportDataOf({ platform: 'sim', enclaveKey, enclaveKem, nonce: new Uint8Array(32) });
  const quote = { measurement: MEASUREMENT, debug: options.debug === true && machine === 0, reportData };
  const genuine = makeSimEvidence(processorSecret, certificate, quote);
  return {
    name: `validator-${machine}`,
    validatorKey: signerOf(validatorSecret).publicKey,
    peerId: `peer-${machine}`,
    enclaveKey,
    enclaveKem: toHex(enclaveKem),
    evidence: toHex(machine === 0 && options.evidence !== undefined ? options.evidence(genuine) : genuine),
    contribution: machine < 2 ? contributionCommitment(secretOf(`${network}/share/${machine}`)) : undefined,
    address: undefined,
  };
};

/** The genesis of a tiny network, with genuine evidence unless bent. */
export const genesisOf = (network: string, options: TinyOptions = {}): Genesis => ({
  version: 1,
  network,
  timeMs: 1_700_000_000_000,
  policyClass: 'testnet',
  platform: 'sim',
  measurement: MEASUREMENT,
  simRoot: signerOf(secretOf(`${network}/root`)).publicKey,
  parameters: { ...defaultParameters, ...options.parameters },
  members: Array.from({ length: options.members ?? 1 }, (_, member) => ({
    name: `member-${member}`,
    key: memberOf(network, member).publicKey,
  })),
  threshold: options.threshold ?? 1,
  validators: Array.from({ length: VALIDATORS }, (_, machine) => validatorOf(network, machine, options)),
});

/** Consensus keys of the first machines, and the keys of the members. */
export const keysOf = (network: string, machines = 2 * VALIDATORS, members = 3): KeyRing =>
  new KeyRing(
    ...Array.from({ length: machines }, (_, machine) => signerOf(partyOf(network, machine).validatorSecret)),
    ...Array.from({ length: members }, (_, member) => memberOf(network, member)),
  );
