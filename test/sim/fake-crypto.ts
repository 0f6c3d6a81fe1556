/** Keys and signatures for simulations: cheap, deterministic, checkable, and forgeable by nobody who does not ask for a key's. */
import type { ChainId, PublicKey } from '../../protocol/brand.ts';
import type { VerifySignature } from '../../protocol/consensus/certificate.ts';
import { type Configuration, type EpochAnchor, firstAnchor } from '../../protocol/consensus/configuration.ts';
import type { Governance } from '../../protocol/consensus/reconfigure.ts';
import { type VoteStatement, voteBytes } from '../../protocol/consensus/vote.ts';
import { defaultParameters, type Parameters, type Validator, XWING_PUBLIC_KEY_BYTES } from '../../protocol/genesis.ts';

/** Chain id of simulated chains. */
export const SIM_CHAIN = '5c'.repeat(32) as ChainId;
/** Genesis time of simulated chains. */
export const GENESIS_MS = 1_700_000_000_000;

/** Validator key of the machine with a number. */
export const keyOf = (machine: number): PublicKey => (machine + 1).toString(16).padStart(64, '0') as PublicKey;

/** The one member that governs simulated chains. */
export const MEMBER_KEY = 'ab'.repeat(32) as PublicKey;

const mix = (message: Uint8Array, key: PublicKey): Uint8Array => {
  let low = 0x811c9dc5 ^ Number.parseInt(key.slice(-6), 16);
  let high = 0x01000193;
  for (const byte of message) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high + byte, 0x85ebca6b) ^ low;
  }
  const signature = new Uint8Array(64);
  const dataView = new DataView(signature.buffer);
  dataView.setInt32(0, low);
  dataView.setInt32(4, high);
  return signature;
};

/** Signs any message with a key. */
export const fakeSign = mix;

/** Checks a simulated signature. */
export const fakeVerify: VerifySignature = (signature, message, key) => {
  const expected = mix(message, key);
  for (let i = 0; i < 64; i += 1) if (expected[i] !== signature[i]) return false;
  return signature.length === 64;
};

/** A validator that runs on the machine with a number. */
export const fakeValidator = (machine: number): Validator => ({
  name: `machine-${machine}`,
  validatorKey: keyOf(machine),
  peerId: `peer-${machine}`,
  enclaveKey: (machine + 1).toString(16).padStart(64, 'e') as PublicKey,
  enclaveKem: '00'.repeat(XWING_PUBLIC_KEY_BYTES),
  evidence: '',
  contribution: undefined,
  address: undefined,
});

/** Machine number of a validator or observer. */
export const machineOf = ({ peerId }: { readonly peerId: string }): number => Number(peerId.slice('peer-'.length));

const simParameters: Parameters = { ...defaultParameters, minEpochMs: 0 };
const anchors = new Map<string, EpochAnchor>();

/** First epoch of a simulated chain: the first `validators` machines vote, the next `observers` watch. */
export const fakeAnchor = (validators: number, parameters: Partial<Parameters> = {}, observers = 0): EpochAnchor => {
  const key = `${validators} ${observers} ${JSON.stringify(parameters)}`;
  const known = anchors.get(key);
  if (known !== undefined) return known;
  const configuration: Configuration = {
    epoch: 1 as Configuration['epoch'],
    parameters: { ...simParameters, ...parameters },
    validators: Array.from({ length: validators }, (_, machine) => fakeValidator(machine)),
    observers: Array.from({ length: observers }, (_, index) => fakeObserver(validators + index)),
  };
  const anchor = firstAnchor(SIM_CHAIN, configuration, GENESIS_MS);
  anchors.set(key, anchor);
  return anchor;
};

/** An observer that runs on the machine with a number. */
export const fakeObserver = (machine: number): Configuration['observers'][number] => ({
  name: `machine-${machine}`,
  peerId: `peer-${machine}`,
  address: undefined,
});

/** Governance of simulated chains: one member, every validator admitted. */
export const fakeGovernance: Governance = {
  chainId: SIM_CHAIN,
  members: [MEMBER_KEY],
  threshold: 1,
  admits: () => true,
};

/** Signs a vote as the validator on a machine. */
export const signAs = (machine: number, statement: VoteStatement): Uint8Array =>
  mix(voteBytes(SIM_CHAIN, statement), keyOf(machine));
