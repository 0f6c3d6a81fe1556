/**
 * A simulated network without chance: each link has its delay, nothing is lost. Notes when blocks are proposed and become
 * final, what is sent, and everything that one machine takes in.
 */
import type { BlockHash, Hash, Height, StateRoot } from '../../protocol/brand.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { Parameters } from '../../protocol/genesis.ts';
import type { Effect } from '../../consensus/effect.ts';
import type { Event } from '../../consensus/input.ts';
import { findCertificate } from '../../consensus/query.ts';
import { fakeAnchor } from '../sim/fake-crypto.ts';
import { calm, type Lie, type Scenario } from '../sim/scenario.ts';
import type { Message } from '../sim/sim-exchange.ts';
import type { SimNode } from '../sim/sim-node.ts';
import { World } from '../sim/world.ts';
import { bytesOf } from './wire-bytes.ts';

/** What a world is made with. */
export interface Setting {
  readonly validators: number;
  readonly delayMs: (from: number, to: number) => number;
  readonly parameters?: Partial<Parameters>;
  /** Time between transactions, each given to all machines; none come where it is not set. */
  readonly transactionEveryMs?: number;
  readonly crashed?: readonly number[];
}

/** Sent messages of one kind. */
export interface Traffic {
  messages: number;
  bytes: number;
}

/** The machine whose inputs are kept. */
export const OBSERVED = 0;

const scenarioOf = ({ validators, crashed, parameters }: Setting): Scenario => ({
  ...calm(1, validators),
  liars: new Map((crashed ?? []).map((machine): [number, Lie] => [machine, 'silent'])),
  baseTimeoutMs: parameters?.baseTimeoutMs ?? 1_000,
});

/** See the module comment. */
export class MeasuredWorld extends World {
  readonly setting: Setting;
  readonly anchor: EpochAnchor;
  /** When each block was proposed, in order. */
  readonly proposedMs = new Map<BlockHash, number>();
  /** Times from proposal to finality: one for each block and machine. */
  readonly finality: { readonly block: BlockHash; readonly ms: number }[] = [];
  readonly traffic = new Map<Message['kind'], Traffic>();
  /** What the observed machine took in, with the time. */
  readonly taken: { readonly atMs: number; readonly event: Event }[] = [];

  constructor(setting: Setting) {
    const anchor = fakeAnchor(setting.validators, setting.parameters);
    super(scenarioOf(setting), anchor, {
      effect: (node, effect) => this.#effect(node, effect),
      event: (node, event) => this.#event(node, event),
    });
    this.setting = setting;
    this.anchor = anchor;
  }

  #event(node: SimNode, event: Event): Event {
    if (node.machine === OBSERVED) this.taken.push({ atMs: this.agenda.nowMs, event });
    return event;
  }

  #effect(node: SimNode, effect: Effect): boolean {
    const { nowMs } = this.agenda;
    if (effect.kind === 'cast' && effect.proposal !== undefined) this.proposedMs.set(effect.proposal.id, nowMs);
    if (effect.kind === 'deliver')
      for (const { id } of effect.blocks)
        this.finality.push({ block: id, ms: nowMs - (this.proposedMs.get(id) ?? Number.NaN) });
    if (effect.kind !== 'needResultCertificate') return false;
    // The result certificate comes with the proposal in the product; here it is its height, written as a hash.
    const certHash: Hash = effect.certHash;
    const result = { certHash, height: Number.parseInt(certHash, 16) as Height, root: certHash as string as StateRoot };
    node.later(nowMs, () => node.input({ kind: 'resultCertificate', verdict: 'valid', ...result }));
    return true;
  }

  override send({ machine: from }: SimNode, to: number, message: Message): void {
    const traffic = this.traffic.get(message.kind) ?? { messages: 0, bytes: 0 };
    traffic.messages += 1;
    traffic.bytes += bytesOf(message);
    this.traffic.set(message.kind, traffic);
    const node = this.nodes[to]?.[0];
    if (node === undefined) return;
    this.agenda.at(this.agenda.nowMs + this.setting.delayMs(from, to), () => {
      if (to === OBSERVED || !isHeld(node, message)) node.receive(message, from);
    });
  }

  /** Starts all machines and the flow of transactions. */
  start(): void {
    for (const node of this.honest()) node.boot();
    const { transactionEveryMs } = this.setting;
    if (transactionEveryMs === undefined) return;
    const offer = (): void => {
      this.offerTransaction();
      this.agenda.at(this.agenda.nowMs + transactionEveryMs, offer);
    };
    offer();
  }

  /** Lets time pass until something holds or the time is over. */
  runUntil(done: () => boolean, untilMs = Number.POSITIVE_INFINITY): void {
    while (!done()) if (!this.agenda.runNext(untilMs)) return;
  }

  /** Heights that every running machine has. */
  get height(): number {
    return Math.min(...this.honest().map(({ disk }) => disk.ledger.length));
  }

  /** Newest view of any machine. */
  get view(): number {
    return Math.max(...this.honest().map(({ core }) => core?.current ?? 0));
  }
}

/** A certificate that a machine has changes nothing there: only the observed machine takes it in again, for the count. */
const isHeld = ({ core }: SimNode, message: Message): boolean => {
  if (message.kind !== 'certificate' || core === undefined) return false;
  const { view, kind } = message.certificate;
  return view <= core.finalized.view || findCertificate(core, view, kind) !== undefined;
};
