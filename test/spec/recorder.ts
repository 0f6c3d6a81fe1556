/**
 * Records a simulated world through the simulator's hooks: the durable records of its honest validators, in the order
 * in which the votes among them are sent, as one run through all epochs.
 *
 * A record counts once it is known to be on disk: when a vote that stands at or after it is sent, or when it is read back
 * after a crash. What a crash took away never counts. A delivered block counts with its finalization, because the ledger
 * keeps both even where the log loses them.
 */
import type { VoteStatement } from '../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Effect } from '../../consensus/effect.ts';
import { fakeGovernance, fakeVerify, machineOf } from '../sim/fake-crypto.ts';
import type { Hooks, SimNode } from '../sim/sim-node.ts';
import { FactBook, type Run } from './facts.ts';

const isVote = (record: WalRecord, { kind, epoch, view, hash }: VoteStatement): boolean =>
  record.kind === 'vote' &&
  record.vote.kind === kind &&
  record.vote.epoch === epoch &&
  record.vote.view === view &&
  record.vote.hash === hash;

/** Watches one world; give `hooks` to the simulation as its mutant, together with a real one if there is any. */
export class Recorder {
  readonly #liars: ReadonlySet<number>;
  #book: FactBook | undefined;
  readonly #taken = new Map<SimNode, number>();
  readonly hooks: Hooks;

  /** `liars` are machines. */
  constructor(liars: ReadonlySet<number>, mutant: Hooks = {}) {
    this.#liars = liars;
    this.hooks = {
      ...mutant,
      effect: (node, effect) => {
        if (effect.kind === 'deliver') this.#delivered(node, effect);
        return mutant.effect?.(node, effect) ?? false;
      },
      event: (node, event) => {
        // A driver hands a vote back as it sends it.
        if (event.kind === 'ownVote') this.#sent(node, event.vote);
        if (event.kind === 'start') this.#takeTo(node, node.disk.log.length);
        return mutant.event?.(node, event) ?? event;
      },
    };
  }

  #add(node: SimNode, record: WalRecord): void {
    const { world } = node;
    this.#book ??= new FactBook({
      genesis: world.genesis,
      governance: fakeGovernance,
      verifySignature: fakeVerify,
      machineOf,
      machines: world.nodes.map((_nodes, machine) => machine),
      liars: this.#liars,
    });
    if (!this.#liars.has(node.machine)) this.#book.add(node.machine, record);
  }

  #sent(node: SimNode, vote: VoteStatement): void {
    const from = this.#taken.get(node) ?? 0;
    const index = node.disk.log.findIndex((record, position) => position >= from && isVote(record, vote));
    if (index >= 0) this.#takeTo(node, index + 1);
  }

  #delivered(node: SimNode, { blocks, finalization }: Extract<Effect, { kind: 'deliver' }>): void {
    const last = blocks.at(-1);
    if (last === undefined) return;
    const { epoch, view } = finalization;
    this.#add(node, { kind: 'certificate', certificate: finalization });
    this.#add(node, { kind: 'finalized', epoch, view, height: last.header.height, block: last.id });
  }

  #takeTo(node: SimNode, end: number): void {
    const from = this.#taken.get(node) ?? 0;
    for (const record of node.disk.log.slice(from, end)) this.#add(node, record);
    this.#taken.set(node, Math.max(end, from));
  }

  /** The run so far: certificates and final blocks up to the next vote not sent yet included. */
  finish(): Run {
    for (const [node, from] of this.#taken) {
      const unsent = node.disk.log.findIndex((record, position) => position >= from && record.kind === 'vote');
      this.#takeTo(node, unsent < 0 ? node.disk.log.length : unsent);
    }
    if (this.#book === undefined) throw new RangeError('nothing was recorded');
    return this.#book.run();
  }
}
