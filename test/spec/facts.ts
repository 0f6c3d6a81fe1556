/**
 * Code → model: durable records of real validators as the facts that `spec/acceptance.qnt` judges.
 *
 * A record says what its validator did; the facts of a run are the records of all honest validators in an order in
 * which they can have happened. Epochs follow one another in it: a validator enters the next one, on the closing block
 * that it has committed, before its first record of that epoch.
 */
import { signersOf } from '../../protocol/bitmap.ts';
import type { BlockHash } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import { anchorOf, type EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import type { Justification } from '../../protocol/consensus/justification.ts';
import { leaderOrder } from '../../protocol/consensus/leader.ts';
import { evaluateSystem, type Governance } from '../../protocol/consensus/reconfigure.ts';
import type { SystemSection } from '../../protocol/consensus/system.ts';
import type { VerifySignature } from '../../protocol/consensus/certificate.ts';
import type { VoteStatement } from '../../protocol/consensus/vote.ts';
import { recordEpoch, type WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Validator } from '../../protocol/genesis.ts';

/** One thing that one machine did, in the model's numbering of blocks. */
export type Fact =
  | {
      readonly kind: 'Proposed';
      readonly by: number;
      readonly epoch: number;
      readonly view: number;
      readonly parent: number;
      readonly skipped: readonly number[];
      /** Validators of the next epoch in leader order, if the block closes this one; `tail` for a tail. */
      readonly next: readonly number[] | 'tail' | undefined;
    }
  | { readonly kind: 'Notarized' | 'Finalized'; readonly by: number; readonly epoch: number; readonly id: number }
  /** By the finalization of a view: that of the block itself or of one that stands on it. */
  | {
      readonly kind: 'Committed';
      readonly by: number;
      readonly epoch: number;
      readonly id: number;
      readonly view: number;
    }
  | { readonly kind: 'Nullified'; readonly by: number; readonly epoch: number; readonly view: number }
  | {
      readonly kind: 'HeldNotarization' | 'HeldFinalization';
      readonly by: number;
      readonly epoch: number;
      readonly id: number;
      readonly signers: readonly number[];
    }
  | {
      readonly kind: 'HeldNullification';
      readonly by: number;
      readonly epoch: number;
      readonly view: number;
      readonly signers: readonly number[];
    }
  /** The epoch after `epoch`, on its base. */
  | { readonly kind: 'Entered'; readonly by: number; readonly epoch: number; readonly id: number };

/** A run of the implementation as the model sees it. */
export interface Run {
  /** All machines, the first validators in leader order before the others. */
  readonly machines: readonly number[];
  readonly founders: number;
  /** Byzantine machines. */
  readonly liars: readonly number[];
  readonly lastEpoch: number;
  readonly lastView: number;
  readonly facts: readonly Fact[];
}

/** Number for a block that nobody has proposed: no rule permits anything about it. */
const UNKNOWN = 1_000_000;

/** What is known of a network before its first fact. */
export interface Network {
  readonly genesis: EpochAnchor;
  readonly governance: Governance;
  readonly verifySignature: VerifySignature;
  /** Number of the machine on which a validator runs, the same in all epochs. */
  readonly machineOf: (validator: Validator) => number;
  /** All machines. */
  readonly machines: readonly number[];
  readonly liars: ReadonlySet<number>;
}

interface KnownBlock {
  readonly header: Header;
  readonly justification: Justification;
  readonly system: SystemSection;
}

/** Turns records into facts, one after the other. */
export class FactBook {
  readonly #network: Network;
  readonly #blocks = new Map<BlockHash, KnownBlock>();
  readonly #ids = new Map<BlockHash, number>();
  readonly #anchors = new Map<number, EpochAnchor>();
  /** Epoch of each machine, and the newest block that it has committed there. */
  readonly #epochs = new Map<number, number>();
  readonly #tips = new Map<number, BlockHash>();
  /** What ended each epoch, as the first machine recorded it. */
  readonly #endings = new Map<number, Extract<WalRecord, { kind: 'closing' }>>();
  readonly #facts: Fact[] = [];
  #lastView = 1;

  constructor(network: Network) {
    const { genesis } = network;
    this.#network = network;
    this.#ids.set(genesis.base.id, 0);
    this.#anchors.set(genesis.epoch, genesis);
    for (const machine of network.machines) this.#epochs.set(machine, genesis.epoch);
  }

  #epochOf(machine: number): number {
    const epoch = this.#epochs.get(machine);
    if (epoch === undefined) throw new RangeError(`no machine ${machine}`);
    return epoch;
  }

  #id(hash: BlockHash): number {
    return this.#ids.get(hash) ?? UNKNOWN;
  }

  #machinesIn({ configuration }: EpochAnchor): number[] {
    return configuration.validators.map(this.#network.machineOf);
  }

  #leadersIn(anchor: EpochAnchor): number[] {
    const machines = this.#machinesIn(anchor);
    return leaderOrder(anchor).map((index) => machines[index] as number);
  }

  /** Whether a block has been proposed in the facts so far. */
  knows(hash: BlockHash): boolean {
    return this.#ids.has(hash);
  }

  /** Whether a machine is Byzantine. */
  isLiar(machine: number): boolean {
    return this.#network.liars.has(machine);
  }

  /** Notes the header of a block, without a fact: a block counts from the first vote for it. */
  note(record: Extract<WalRecord, { kind: 'block' }>): BlockHash {
    const hash = blockId(record.header);
    this.#blocks.set(hash, record);
    return hash;
  }

  /** Leader of a noted block of an epoch that somebody has entered. */
  proposerOf(hash: BlockHash): number | undefined {
    const header = this.#blocks.get(hash)?.header;
    const anchor = header === undefined ? undefined : this.#anchors.get(header.epoch);
    return header === undefined || anchor === undefined ? undefined : this.#machinesIn(anchor)[header.proposer];
  }

  /** Machines whose votes make a certificate; undefined while nobody has entered its epoch. */
  signersOf({ epoch, bitmap }: Certificate): number[] | undefined {
    const anchor = this.#anchors.get(epoch);
    if (anchor === undefined) return undefined;
    const machines = this.#machinesIn(anchor);
    return (signersOf(bitmap, machines.length) ?? []).map((signer) => machines[signer] as number);
  }

  /** The epoch that stands on a noted block, if it is a closing one. */
  #anchorOn(hash: BlockHash): EpochAnchor | undefined {
    const known = this.#blocks.get(hash);
    const anchor = known === undefined ? undefined : this.#anchors.get(known.header.epoch);
    if (known === undefined || anchor === undefined) return undefined;
    const { governance, verifySignature } = this.#network;
    const verdict = evaluateSystem(anchor, governance, known.system, known.header, verifySignature);
    if (verdict.verdict === 'invalid' || verdict.next === undefined) return undefined;
    return anchorOf(anchor.chainId, verdict.next, { ...known.header, id: hash });
  }

  #propose(hash: BlockHash, by: number): void {
    const known = this.#blocks.get(hash);
    if (known === undefined) return;
    const { header, justification } = known;
    const { epoch, view, kind, parentHash } = header;
    const next = this.#anchorOn(hash);
    const parent = this.#id(parentHash);
    const skipped = justification.nullifications.map((nullification) => nullification.view);
    this.#ids.set(hash, this.#ids.size);
    const named = kind === 'tail' ? kind : next === undefined ? undefined : this.#leadersIn(next);
    this.#facts.push({ kind: 'Proposed', by, epoch, view, parent, skipped, next: named });
  }

  #vote(by: number, { kind, epoch, view, hash }: VoteStatement): void {
    if (kind === 'nullify') this.#facts.push({ kind: 'Nullified', by, epoch, view });
    else if (kind === 'finalize') this.#facts.push({ kind: 'Finalized', by, epoch, id: this.#id(hash) });
    else {
      const proposer = this.proposerOf(hash);
      const isNew = !this.knows(hash) && proposer !== undefined;
      if (isNew && (proposer === by || this.isLiar(proposer))) this.#propose(hash, proposer);
      // The proposal of an honest leader is its vote.
      if (!(isNew && proposer === by)) this.#facts.push({ kind: 'Notarized', by, epoch, id: this.#id(hash) });
    }
  }

  #certificate(by: number, certificate: Certificate): void {
    const { kind, epoch, view, hash } = certificate;
    const signers = this.signersOf(certificate) ?? [];
    if (kind === 'nullify') this.#facts.push({ kind: 'HeldNullification', by, epoch, view, signers });
    else {
      const held = kind === 'notarize' ? 'HeldNotarization' : 'HeldFinalization';
      this.#facts.push({ kind: held, by, epoch, id: this.#id(hash), signers });
    }
  }

  /** The epoch after the one in which a machine is, on the closing block that it has committed. */
  #following(by: number): EpochAnchor | undefined {
    const tip = this.#tips.get(by);
    return tip === undefined ? undefined : this.#anchorOn(tip);
  }

  /** Brings a machine into the epoch of a record as soon as it may enter it; says whether it is there, or beyond. */
  follow(by: number, record: WalRecord): boolean {
    const epoch = recordEpoch(record);
    if (epoch > this.#epochOf(by)) this.#enter(by);
    return epoch <= this.#epochOf(by);
  }

  /** Who joins has followed by its ledger, not by a log: what ended the epoch for others ended it for it. */
  #enter(by: number): void {
    const epoch = this.#epochOf(by);
    const ending = this.#endings.get(epoch);
    if (this.#following(by) === undefined && ending !== undefined) this.#closing(by, ending);
    const anchor = this.#following(by);
    if (anchor === undefined) return;
    this.#anchors.set(anchor.epoch, anchor);
    this.#epochs.set(by, anchor.epoch);
    this.#facts.push({ kind: 'Entered', by, epoch, id: this.#id(anchor.base.id) });
  }

  /** Takes the next record of a machine. Of an epoch that it has left only a vote would be news. */
  add(by: number, record: WalRecord): void {
    const epoch = recordEpoch(record);
    if (record.kind === 'block') this.note(record);
    if (record.kind === 'block' || record.kind === 'evidence') return;
    this.follow(by, record);
    if (epoch < this.#epochOf(by) && record.kind !== 'vote') return;
    switch (record.kind) {
      case 'vote':
        this.#lastView = Math.max(this.#lastView, record.vote.view);
        return this.#vote(by, record.vote);
      case 'certificate':
        this.#lastView = Math.max(this.#lastView, record.certificate.view);
        return this.#certificate(by, record.certificate);
      case 'finalized':
        return this.#committed(by, record.epoch, record.block, record.view);
      case 'closing':
        if (!this.#endings.has(epoch)) this.#endings.set(epoch, record);
        return this.#closing(by, record);
    }
  }

  #committed(by: number, epoch: number, block: BlockHash, view: number): void {
    this.#tips.set(by, block);
    this.#facts.push({ kind: 'Committed', by, epoch, id: this.#id(block), view });
  }

  /** Repeats what ends the epoch: proof and commit are written in this order, but a proof of others came unrecorded. */
  #closing(by: number, { block, finalization }: Extract<WalRecord, { kind: 'closing' }>): void {
    const { epoch, view } = finalization;
    const last = this.#facts.findLastIndex(
      (fact) => fact.kind === 'Committed' && fact.by === by && fact.epoch === epoch && fact.view === view,
    );
    if (last >= 0) this.#facts.splice(last, 1);
    this.#certificate(by, finalization);
    this.#committed(by, epoch, block, view);
  }

  /** Everything taken so far. */
  run(): Run {
    const { genesis, machines, liars } = this.#network;
    const founders = this.#leadersIn(genesis);
    return {
      machines: [...founders, ...machines.filter((machine) => !founders.includes(machine))],
      founders: founders.length,
      liars: [...liars],
      lastEpoch: Math.max(...this.#anchors.keys()),
      lastView: this.#lastView,
      facts: [...this.#facts],
    };
  }
}
