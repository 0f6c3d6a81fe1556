/**
 * Code → model: durable records of real validators as the facts that `spec/acceptance.qnt` judges.
 *
 * A record says what its validator did; the facts of a run are the records of all honest validators in an order in
 * which they can have happened. Each epoch is a run of its own: its base is the model's genesis, and the model's blocks
 * need no kind, because what closing blocks and tails may carry is no rule of an epoch's votes.
 */
import { signersOf } from '../../protocol/bitmap.ts';
import type { BlockHash, ValidatorIndex } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import type { Justification } from '../../protocol/consensus/justification.ts';
import type { VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { leaderOrder } from '../../protocol/consensus/leader.ts';

/** One thing that one validator did, in the model's numbering of validators and blocks. */
export type Fact =
  | {
      readonly kind: 'Proposed';
      readonly by: number;
      readonly view: number;
      readonly parent: number;
      readonly skipped: readonly number[];
    }
  | { readonly kind: 'Notarized' | 'Finalized'; readonly by: number; readonly id: number }
  /** By the finalization of a view: that of the block itself or of one that stands on it. */
  | { readonly kind: 'Committed'; readonly by: number; readonly id: number; readonly view: number }
  | { readonly kind: 'Nullified'; readonly by: number; readonly view: number }
  | {
      readonly kind: 'HeldNotarization' | 'HeldFinalization';
      readonly by: number;
      readonly id: number;
      readonly signers: readonly number[];
    }
  | {
      readonly kind: 'HeldNullification';
      readonly by: number;
      readonly view: number;
      readonly signers: readonly number[];
    };

/** A run of the implementation as the model sees it. */
export interface Run {
  readonly validators: number;
  /** Model numbers of the Byzantine validators. */
  readonly liars: readonly number[];
  readonly lastView: number;
  readonly facts: readonly Fact[];
}

/** Number for a block that nobody has proposed: no rule permits anything about it. */
const UNKNOWN = 1_000_000;

interface KnownBlock {
  readonly header: Header;
  readonly justification: Justification;
}

/** Turns records into facts, one after the other. */
export class FactBook {
  readonly #anchor: EpochAnchor;
  /** Model number of each real validator: validator v leads the views v mod n. */
  readonly #numbers: readonly number[];
  readonly #liars: ReadonlySet<number>;
  readonly #headers = new Map<BlockHash, KnownBlock>();
  readonly #ids = new Map<BlockHash, number>();
  readonly #facts: Fact[] = [];
  #lastView = 1;

  /** `liars` are real positions. */
  constructor(anchor: EpochAnchor, liars: ReadonlySet<number>) {
    this.#anchor = anchor;
    const order = leaderOrder(anchor);
    this.#numbers = order.map((_leader, index) => order.indexOf(index as ValidatorIndex));
    this.#liars = liars;
    this.#ids.set(anchor.base.id, 0);
  }

  #number(validator: number): number {
    return this.#numbers[validator] ?? UNKNOWN;
  }

  #id(hash: BlockHash): number {
    return this.#ids.get(hash) ?? UNKNOWN;
  }

  /** Whether a block has been proposed in the facts so far. */
  knows(hash: BlockHash): boolean {
    return this.#ids.has(hash);
  }

  /** Whether a validator, by its real position, is Byzantine. */
  isLiar(validator: number): boolean {
    return this.#liars.has(validator);
  }

  /** Notes the header of a block, without a fact: a block counts from the first vote for it. */
  note(record: Extract<WalRecord, { kind: 'block' }>): BlockHash {
    const hash = blockId(record.header);
    this.#headers.set(hash, record);
    return hash;
  }

  /** Leader of a noted block. */
  proposerOf(hash: BlockHash): number | undefined {
    return this.#headers.get(hash)?.header.proposer;
  }

  #propose(hash: BlockHash): void {
    const known = this.#headers.get(hash);
    if (known === undefined) return;
    const { header, justification } = known;
    this.#ids.set(hash, this.#ids.size);
    this.#lastView = Math.max(this.#lastView, header.view);
    this.#facts.push({
      kind: 'Proposed',
      by: this.#number(header.proposer),
      view: header.view,
      parent: this.#id(header.parentHash),
      skipped: justification.nullifications.map(({ view }) => view),
    });
  }

  #vote(validator: number, { kind, view, hash }: VoteStatement): void {
    const by = this.#number(validator);
    this.#lastView = Math.max(this.#lastView, view);
    if (kind === 'nullify') this.#facts.push({ kind: 'Nullified', by, view });
    else if (kind === 'finalize') this.#facts.push({ kind: 'Finalized', by, id: this.#id(hash) });
    else {
      const proposer = this.proposerOf(hash);
      const isNew = !this.knows(hash) && proposer !== undefined;
      if (isNew && (proposer === validator || this.isLiar(proposer))) this.#propose(hash);
      // The proposal of an honest leader is its vote.
      if (!(isNew && proposer === validator)) this.#facts.push({ kind: 'Notarized', by, id: this.#id(hash) });
    }
  }

  #certificate(validator: number, { kind, view, hash, bitmap }: Certificate): void {
    const by = this.#number(validator);
    const signers = (signersOf(bitmap, this.#numbers.length) ?? []).map((signer) => this.#number(signer));
    this.#lastView = Math.max(this.#lastView, view);
    if (kind === 'nullify') this.#facts.push({ kind: 'HeldNullification', by, view, signers });
    else {
      const held = kind === 'notarize' ? 'HeldNotarization' : 'HeldFinalization';
      this.#facts.push({ kind: held, by, id: this.#id(hash), signers });
    }
  }

  /** Takes the next record of a validator. */
  add(validator: number, record: WalRecord): void {
    switch (record.kind) {
      case 'block':
        this.note(record);
        return;
      case 'vote':
        return this.#vote(validator, record.vote);
      case 'certificate':
        return this.#certificate(validator, record.certificate);
      case 'finalized':
        return this.#finalized(validator, record);
      case 'closing':
        return this.#closing(validator, record);
      case 'evidence':
        return;
    }
  }

  #finalized(validator: number, { block, view }: Extract<WalRecord, { kind: 'finalized' }>): void {
    const by = this.#number(validator);
    this.#facts.push({ kind: 'Committed', by, id: this.#id(block), view });
  }

  /** Repeats what ends the epoch: proof and commit are written in this order, but a proof of others came unrecorded. */
  #closing(validator: number, { block, finalization }: Extract<WalRecord, { kind: 'closing' }>): void {
    const by = this.#number(validator);
    const { view } = finalization;
    const last = this.#facts.findLastIndex((fact) => fact.kind === 'Committed' && fact.by === by && fact.view === view);
    if (last >= 0) this.#facts.splice(last, 1);
    this.#certificate(validator, finalization);
    this.#facts.push({ kind: 'Committed', by, id: this.#id(block), view });
  }

  /** Everything taken so far. */
  run(): Run {
    return {
      validators: this.#anchor.validatorKeys.length,
      liars: [...this.#liars].map((liar) => this.#number(liar)),
      lastView: this.#lastView,
      facts: [...this.#facts],
    };
  }
}
