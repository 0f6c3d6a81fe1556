/** Keys and signatures for simulations: cheap, deterministic, checkable, and forgeable by nobody who does not ask for a key's. */
import type { ChainId, Hash, Height, PublicKey, StateRoot } from '../../protocol/brand.ts';
import type { VerifySignature } from '../../protocol/consensus/certificate.ts';
import { type Configuration, type EpochAnchor, firstAnchor } from '../../protocol/consensus/configuration.ts';
import type { StateReference } from '../../protocol/consensus/header.ts';
import type { Governance } from '../../protocol/consensus/reconfigure.ts';
import { type VoteStatement, voteBytes } from '../../protocol/consensus/vote.ts';
import { defaultParameters, type Parameters, type Validator, XWING_PUBLIC_KEY_BYTES } from '../../protocol/genesis.ts';

/** Chain id of simulated chains. */
export const SIM_CHAIN = '5c'.repeat(32) as ChainId;
/** Genesis time of simulated chains. */
export const GENESIS_MS = 1_700_000_000_000;

const keys: PublicKey[] = [];

/** Validator key of the machine with a number. */
export const keyOf = (machine: number): PublicKey => {
  keys[machine] ??= (machine + 1).toString(16).padStart(64, '0') as PublicKey;
  return keys[machine];
};

/** The one member that governs simulated chains. */
export const MEMBER_KEY = 'ab'.repeat(32) as PublicKey;

/** A message's digest: two numbers. The last one is kept, as a certificate is checked key by key. */
let digested: Uint8Array | undefined;
let low = 0;
let high = 0;

const digest = (message: Uint8Array): void => {
  if (message === digested) return;
  let first = 0x811c9dc5;
  let second = 0x01000193;
  for (let i = 0; i < message.length; i += 1) {
    first = Math.imul(first ^ (message[i] as number), 0x01000193);
    second = Math.imul(second + (message[i] as number), 0x85ebca6b) ^ first;
  }
  digested = message;
  low = first;
  high = second;
};

const keyNumbers = new Map<PublicKey, number>();

const numberOf = (key: PublicKey): number => {
  const known = keyNumbers.get(key);
  if (known !== undefined) return known;
  const number = Number.parseInt(key.slice(-6), 16);
  keyNumbers.set(key, number);
  return number;
};

const firstWord = (number: number): number => Math.imul(low ^ number, 0x01000193);
const secondWord = (number: number): number => Math.imul(high + number, 0x85ebca6b) ^ low;

/** Signs any message with a key. */
export const fakeSign = (message: Uint8Array, key: PublicKey): Uint8Array => {
  digest(message);
  const number = numberOf(key);
  const signature = new Uint8Array(64);
  for (let i = 0; i < 4; i += 1) {
    signature[i] = firstWord(number) >>> (24 - 8 * i);
    signature[4 + i] = secondWord(number) >>> (24 - 8 * i);
  }
  return signature;
};

const wordAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] as number) << 24) |
  ((bytes[offset + 1] as number) << 16) |
  ((bytes[offset + 2] as number) << 8) |
  (bytes[offset + 3] as number);

/** Checks a simulated signature. */
export const fakeVerify: VerifySignature = (signature, message, key) => {
  digest(message);
  const number = numberOf(key);
  return (
    signature.length === 64 && wordAt(signature, 0) === firstWord(number) && wordAt(signature, 4) === secondWord(number)
  );
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

const machines = new Map<string, number>();

/** Machine number of a validator or observer. */
export const machineOf = ({ peerId }: { readonly peerId: string }): number => {
  const known = machines.get(peerId);
  if (known !== undefined) return known;
  const machine = Number(peerId.slice('peer-'.length));
  machines.set(peerId, machine);
  return machine;
};

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
  fakeSign(voteBytes(SIM_CHAIN, statement), keyOf(machine));

/** What the execution of a height gives: the same everywhere. */
export const resultAt = (at: number): StateReference => {
  const certHash = at.toString(16).padStart(64, '0') as Hash;
  return { height: at as Height, root: certHash as StateRoot, certHash };
};
