/**
 * The epochs that this node knows, from the genesis on, and its own part in the present one: which machine every member
 * is, which member this node is, with which of its keys it signs.
 *
 * Earlier epochs are read back from the ledger, whose closing blocks prove them again. Memory: a few hundred bytes an
 * epoch, since configurations share their validators.
 */
import { ed25519Sign } from '#primitives';
import type { MemberIndex, PublicKey, ValidatorIndex } from '../protocol/brand.ts';
import { governanceOf } from '../protocol/consensus/admission.ts';
import type { Closing } from '../protocol/consensus/closing.ts';
import {
  type Configuration,
  type EpochAnchor,
  genesisAnchor,
  validatorSetOf,
} from '../protocol/consensus/configuration.ts';
import { type EpochProof, verifyEpochProof } from '../protocol/consensus/epoch-proof.ts';
import type { Governance } from '../protocol/consensus/reconfigure.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { type ResultStatement, resultStatementBytes } from '../protocol/result.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { nodeErrors } from './errors.ts';
import { publicKeyOf } from './keystore.ts';
import type { PeerName } from './network/types.ts';
import type { OwnResult, ResultSigners } from './results.ts';
import { epochProofOf, readClosing } from './stored-blocks.ts';

/** What the epochs are read with. */
export interface EpochsOptions {
  readonly genesis: Genesis;
  readonly ledger: Ledger;
  /** Consensus keys of this node: the one in use, and one that is to follow it. */
  readonly validatorSecrets: readonly Uint8Array[];
  /** Own machine. */
  readonly peer: PeerName;
}

interface Membership {
  readonly names: readonly PeerName[];
  readonly members: ReadonlyMap<PeerName, MemberIndex>;
}

/** See the module comment. */
export class Epochs {
  /** Who may change the configuration. */
  readonly governance: Governance;
  readonly #ledger: Ledger;
  readonly #peer: PeerName;
  readonly #secrets: ReadonlyMap<PublicKey, Uint8Array>;
  readonly #anchors: EpochAnchor[];
  #membership: Membership;
  /** What ended epochs whose end the ledger does not hold yet. */
  readonly #closings = new Map<number, Closing>();

  /** Reads the epochs whose end the ledger holds. Throws LEDGER_EPOCHS_UNPROVEN when it does not prove one of them. */
  constructor({ genesis, ledger, validatorSecrets, peer }: EpochsOptions) {
    this.governance = governanceOf(genesis);
    this.#ledger = ledger;
    this.#peer = peer;
    this.#secrets = new Map(validatorSecrets.map((secret) => [publicKeyOf(secret), secret]));
    this.#anchors = epochsOf(ledger, genesis);
    this.#membership = membershipOf(this.current.configuration);
  }

  /** The present epoch: the newest that this node has entered. */
  get current(): EpochAnchor {
    const anchor = this.#anchors.at(-1);
    if (anchor === undefined) throw new TypeError('there is always a first epoch');
    return anchor;
  }

  /** An epoch that this node has entered. */
  at(epoch: number): EpochAnchor | undefined {
    return this.#anchors[epoch - 1];
  }

  /** Takes note of what agreement ended the present epoch with. */
  noteClosing(closing: Closing): void {
    this.#closings.set(closing.block.header.epoch, closing);
  }

  /** What ended an epoch; undefined while it lasts. */
  closingOf(epoch: number): Closing | undefined {
    const stored = readClosing(this.#ledger, epoch);
    if (stored !== undefined) this.#closings.delete(epoch);
    return stored ?? this.#closings.get(epoch);
  }

  /** Enters the next epoch, which agreement proved. */
  enter(next: EpochAnchor): void {
    if (next.epoch !== this.current.epoch + 1) throw new TypeError('epochs are entered one by one');
    this.#anchors.push(next);
    this.#membership = membershipOf(next.configuration);
  }

  /** Own position among the validators of an epoch; undefined for an observer. */
  selfIn({ validatorKeys }: Pick<EpochAnchor, 'validatorKeys'>): ValidatorIndex | undefined {
    const index = validatorKeys.findIndex((key) => this.#secrets.has(key));
    return index < 0 ? undefined : (index as ValidatorIndex);
  }

  /** The own consensus key in an epoch. */
  secretIn(anchor: Pick<EpochAnchor, 'validatorKeys'>): Uint8Array | undefined {
    const self = this.selfIn(anchor);
    const key = self === undefined ? undefined : anchor.validatorKeys[self];
    return key === undefined ? undefined : this.#secrets.get(key);
  }

  /** The own consensus key in the present epoch; undefined where this node is not a validator. */
  get ownKey(): PublicKey | undefined {
    const self = this.selfIn(this.current);
    return self === undefined ? undefined : this.current.validatorKeys[self];
  }

  /** Secret of one of the own keys. */
  secretOf(key: PublicKey): Uint8Array | undefined {
    return this.#secrets.get(key);
  }

  /** Own name in the present configuration; undefined where this node is not part of it. */
  get name(): string | undefined {
    const { validators, observers } = this.current.configuration;
    return [...validators, ...observers].find(({ peerId }) => peerId === this.#peer)?.name;
  }

  /** The machine of a member of the present epoch; undefined for this node itself and beyond the members. */
  peerOf(member: MemberIndex): PeerName | undefined {
    const name = this.#membership.names[member];
    return name === this.#peer ? undefined : name;
  }

  /** The member that a machine is in the present epoch. */
  memberOf(peer: PeerName): MemberIndex | undefined {
    return this.#membership.members.get(peer);
  }

  /** The consensus key of a machine in the present epoch; undefined where it is not a validator. */
  validatorKeyOf(peer: PeerName): PublicKey | undefined {
    const member = this.memberOf(peer);
    return member === undefined ? undefined : this.current.validatorKeys[member];
  }

  /** Machines of the validators of the present epoch, without this one. */
  otherValidators(): PeerName[] {
    const { validators } = this.current.configuration;
    return validators.map(({ peerId }) => peerId as PeerName).filter((peer) => peer !== this.#peer);
  }

  /** Validators that may certify results of an epoch: its own, and those of the next one once it is known. */
  resultSigners(epoch: number): readonly ResultSigners[] {
    return [epoch, epoch + 1].flatMap((number) => {
      const anchor = this.at(number);
      return anchor === undefined ? [] : [signersIn(anchor.configuration)];
    });
  }

  /** The name of the validator that runs on a machine, in the newest epoch that has one there. */
  validatorNameOf(peer: PeerName): string | undefined {
    const entry = this.#anchors
      .toReversed()
      .map(({ configuration }) => configuration.validators.find(({ peerId }) => peerId === peer));
    return entry.find((validator) => validator !== undefined)?.name;
  }

  /** Our own result of a block, signed where we are a validator of its epoch or of the next one. */
  ownResult(statement: ResultStatement, enclaveSignature: Uint8Array): OwnResult {
    for (const { set } of this.resultSigners(statement.epoch)) {
      const index = this.selfIn(set);
      const validatorKey = index === undefined ? undefined : set.validatorKeys[index];
      const secret = validatorKey === undefined ? undefined : this.#secrets.get(validatorKey);
      if (validatorKey === undefined || secret === undefined) continue;
      const validatorSignature = ed25519Sign(resultStatementBytes(statement), secret);
      return { statement, signed: { message: { statement, enclaveSignature, validatorSignature }, validatorKey } };
    }
    return { statement, signed: undefined };
  }

  /** Proofs of the changes of epoch from `from` on, at most `limit`. */
  proofs(from: number, limit: number): EpochProof[] {
    const proofs: EpochProof[] = [];
    for (let epoch = from; proofs.length < limit; epoch += 1) {
      const closing = this.closingOf(epoch);
      if (closing === undefined) break;
      proofs.push(epochProofOf(closing));
    }
    return proofs;
  }
}

/** The epochs of a ledger, from the genesis on, each proven by the one before. Throws LEDGER_EPOCHS_UNPROVEN. */
export const epochsOf = (ledger: Ledger, genesis: Genesis): EpochAnchor[] => {
  const governance = governanceOf(genesis);
  const anchors = [genesisAnchor(genesis)];
  for (const anchor of anchors) {
    const closing = readClosing(ledger, anchor.epoch);
    if (closing === undefined) break;
    const next = verifyEpochProof(anchor, governance, epochProofOf(closing));
    if (next.verdict === 'invalid')
      throw nodeErrors.error('LEDGER_EPOCHS_UNPROVEN', { epoch: anchor.epoch, fault: next.code });
    anchors.push(next.anchor);
  }
  return anchors;
};

const knownSigners = new WeakMap<Configuration, ResultSigners>();

const signersIn = (configuration: Configuration): ResultSigners => {
  const known = knownSigners.get(configuration);
  if (known !== undefined) return known;
  const positions = new Map(configuration.validators.map(({ peerId }, index) => [peerId, index]));
  const signers = { set: validatorSetOf(configuration), indexOf: (peer: PeerName) => positions.get(peer) };
  knownSigners.set(configuration, signers);
  return signers;
};

const membershipOf = ({ validators, observers }: Configuration): Membership => {
  const names = [...validators, ...observers].map(({ peerId }) => peerId as PeerName);
  return { names, members: new Map(names.map((name, index) => [name, index as MemberIndex])) };
};
