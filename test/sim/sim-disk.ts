/**
 * The disk of a simulated validator: a log that loses what was not synced, and a ledger of final blocks that lags behind
 * it, as the ledger of the product may: what a crash takes from the ledger is still in the log, or at the peers. Says
 * whether a vote was durable when it left (P7).
 */
import type { BlockHash } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import type { ViewRange } from '../../protocol/consensus/justification.ts';
import type { VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Effect, FinalBlock } from '../../consensus/effect.ts';
import { basePoint, type FinalPoint } from '../../consensus/state.ts';
import type { Random } from './random.ts';

/** A final block as it rests. */
export interface LedgerEntry {
  readonly block: FinalBlock;
  /** Height of the last block that the finalization proves with this one. */
  readonly provenAt: number;
  readonly following: readonly Header[];
  readonly finalization: Certificate;
}

/** Blocks that the ledger may lag behind the log. */
const MAX_LOST_BLOCKS = 3;

const voteKey = (vote: VoteStatement): string => `${vote.kind}:${vote.epoch}:${vote.view}:${vote.hash}`;

/** One disk. */
export class SimDisk {
  readonly log: WalRecord[] = [];
  readonly ledger: LedgerEntry[] = [];
  /** Anchors of the epochs that the ledger has reached, the first epoch first. */
  readonly epochs: EpochAnchor[];
  readonly #byId = new Map<BlockHash, FinalBlock>();
  readonly #nullifications = new Map<string, Certificate>();
  readonly #durableVotes = new Set<string>();
  #synced = 0;
  /** Whether the log cannot grow for now. */
  isFull = false;

  constructor(genesis: EpochAnchor) {
    this.epochs = [genesis];
  }

  /** Keeps a random part of what was not synced, the last record whole: a torn one is cut off; says whether any was lost. */
  crash(random: Random): boolean {
    const before = this.log.length;
    this.log.length = this.#synced + random.below(before - this.#synced + 1);
    this.synced(this.log.length);
    const lost = random.below(Math.min(MAX_LOST_BLOCKS, this.ledger.length) + 1);
    for (const { block } of this.ledger.splice(this.ledger.length - lost, lost)) this.#byId.delete(block.id);
    this.epochs.length = this.epochs.filter(({ base }) => base.height <= this.ledger.length).length;
    return this.log.length < before;
  }

  /** Everything up to a length of the log is durable now. */
  synced(length: number): void {
    for (let i = this.#synced; i < length; i += 1) {
      const record = this.log[i];
      if (record?.kind === 'vote') this.#durableVotes.add(voteKey(record.vote));
    }
    this.#synced = Math.max(this.#synced, length);
  }

  isDurable(vote: VoteStatement): boolean {
    return this.#durableVotes.has(voteKey(vote));
  }

  /** Adds final blocks that one finalization proves. */
  store({ blocks, following, unattached, finalization }: Extract<Effect, { kind: 'deliver' }>): void {
    for (const certificate of unattached)
      this.#nullifications.set(`${certificate.epoch}:${certificate.view}`, certificate);
    const provenAt = this.ledger.length + blocks.length;
    for (const block of blocks) {
      this.ledger.push({ block, finalization, following, provenAt });
      this.#byId.set(block.id, block);
    }
  }

  /** Nullifications that final blocks did not carry, of views of an epoch. */
  nullifications(epoch: number, { from, to }: ViewRange): Certificate[] {
    const views = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    return views.flatMap((view) => this.#nullifications.get(`${epoch}:${view}`) ?? []);
  }

  find(block: BlockHash): FinalBlock | undefined {
    return this.#byId.get(block);
  }

  /** Entry of the closing block of an epoch. */
  closingOf(epoch: number): LedgerEntry | undefined {
    const next = this.epochs[epoch];
    return next === undefined ? undefined : this.ledger[next.base.height - 1];
  }

  /** Newest epoch, and the newest final block in it. */
  tip(): { readonly anchor: EpochAnchor; readonly finalized: FinalPoint } {
    const anchor = this.epochs.at(-1) as EpochAnchor;
    const entry = this.ledger.at(-1);
    const { height } = anchor.base;
    if (entry === undefined) return { anchor, finalized: basePoint(anchor) };
    if (this.ledger.length === height) return { anchor, finalized: basePoint(anchor, entry.block.header.stateCert) };
    const { header, id } = entry.block;
    const { view, timeMs, stateCert } = header;
    const finalized = { id, view, height: header.height, timeMs, stateCert, finalization: entry.finalization };
    return { anchor, finalized };
  }

  /** Ids of the newest blocks by height. */
  recent(): Map<number, BlockHash> {
    return new Map(this.ledger.slice(-600).map(({ block }) => [block.header.height, block.id]));
  }
}
