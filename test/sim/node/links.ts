/** The links between simulated nodes: unreliable before the network heals, bounded afterwards. */
import type { Channel, GossipTopic, PeerName, PenaltyCode } from '../../../node/network/types.ts';
import type { Scenario } from '../scenario.ts';
import type { Host, SimProcess } from './host.ts';
import type { Lies } from './liars.ts';
import type { PeerNetwork } from './network.ts';
import { machineOf, peerOf } from './peers.ts';

/** Takes the answer to a request; undefined when the stream broke. */
export type Answer = (reply: Uint8Array | undefined) => void;

const NO_NETWORKS: readonly PeerNetwork[] = [];

/** How long it takes to notice that a stream is broken. */
const BROKEN_AFTER_MS = 100;

/** What the links tell of. */
export interface LinkEvents {
  /** A message leaves a node. */
  onSend(machine: number, channel: Channel, bytes: Uint8Array): void;
  /** A node gossips. */
  onPublish(machine: number, bytes: Uint8Array): void;
  onPenalty(machine: number, peer: number, code: PenaltyCode): void;
}

/** See the module comment. */
export class Links {
  readonly #host: Host;
  readonly #scenario: Scenario;
  readonly #events: LinkEvents;
  readonly #lies: Lies;
  /** The networks of the processes that run on each machine: two where its key runs twice. */
  readonly #networks = new Map<number, readonly PeerNetwork[]>();
  /** When the last message of a channel arrives, by its ends. */
  readonly #lastMs = new Map<string, number>();

  constructor(host: Host, scenario: Scenario, events: LinkEvents, lies: Lies) {
    this.#host = host;
    this.#scenario = scenario;
    this.#events = events;
    this.#lies = lies;
  }

  /** A node is on the network: it and the others see each other after a while. */
  attach(network: PeerNetwork): void {
    const { machine } = network.process;
    const others = [...this.#networks.values()].flat().filter(({ process }) => process.machine !== machine);
    this.#networks.set(machine, [...this.#on(machine), network]);
    for (const its of others) {
      const atMs = this.#host.agenda.nowMs + this.#host.random.between(1, 20);
      for (const [one, peer] of [[network, its.process.machine] as const, [its, machine] as const])
        this.#host.later(one.process, atMs, () => {
          if (this.#on(peer).length > 0) one.setConnected(peerOf(peer), true);
        });
    }
  }

  /** A process is gone: the others see it, unless its machine is still there. */
  detach(process: SimProcess): void {
    const { machine } = process;
    const left = this.#on(machine).filter((network) => network.process !== process);
    this.#networks.set(machine, left);
    if (left.length > 0) return;
    for (const its of [...this.#networks.values()].flat())
      this.#host.later(its.process, this.#host.agenda.nowMs, () => its.setConnected(peerOf(machine), false));
  }

  #on(machine: number): readonly PeerNetwork[] {
    return this.#networks.get(machine) ?? NO_NETWORKS;
  }

  penalised({ process }: PeerNetwork, peer: PeerName, code: PenaltyCode): void {
    this.#events.onPenalty(process.machine, machineOf(peer), code);
  }

  send(from: PeerNetwork, to: PeerName, channel: Channel, bytes: Uint8Array): void {
    const { machine } = from.process;
    if (!this.#host.mayAct(from.process)) return;
    const lies = channel === 'consensus' ? this.#lies.instead(machine, bytes) : undefined;
    for (const sent of lies ?? [bytes]) {
      this.#events.onSend(machine, channel, sent);
      this.#carry(machine, machineOf(to), channel, (target) => target.deliver(peerOf(machine), channel, sent));
    }
  }

  publish(from: PeerNetwork, topic: GossipTopic, bytes: Uint8Array): void {
    const { machine } = from.process;
    this.#events.onPublish(machine, bytes);
    for (const peer of from.connectedPeers())
      this.#carry(machine, machineOf(peer), topic, (target) => target.hear(peerOf(machine), topic, bytes));
  }

  /** Asks a peer. A stream whose bytes do not come through ends with an error, it does not stay silent. */
  request(from: PeerNetwork, to: PeerName, method: string, bytes: Uint8Array, done: Answer): void {
    const { machine } = from.process;
    if (this.#lies.answersNothing(machineOf(to))) return;
    const broken = (): void =>
      this.#host.later(from.process, this.#host.agenda.nowMs + BROKEN_AFTER_MS, () => done(undefined));
    const sent = this.#carry(machine, machineOf(to), undefined, (target) =>
      target.answer(peerOf(machine), method, bytes, (reply) => {
        const answered = this.#carry(target.process.machine, machine, undefined, (back) => {
          if (back === from) done(reply);
        });
        if (!answered) broken();
      }),
    );
    if (!sent) broken();
  }

  #isCut(from: number, to: number): boolean {
    const { nowMs } = this.#host.agenda;
    return this.#scenario.partitions.some(
      ({ fromMs, toMs, side }) => nowMs >= fromMs && nowMs < toMs && ((side >> from) & 1) !== ((side >> to) & 1),
    );
  }

  /** Brings something to a machine, unless it gets lost; what has an order keeps it. Says whether it is on its way. */
  #carry(from: number, to: number, order: string | undefined, arrive: (target: PeerNetwork) => void): boolean {
    const { agenda, random } = this.#host;
    const { gstMs, dropBeforeGst, maxDelayBeforeGstMs, maxDelayMs, slowMachines } = this.#scenario;
    const early = agenda.nowMs < gstMs;
    if (early && (this.#isCut(from, to) || random.chance(dropBeforeGst))) return false;
    const extraMs = slowMachines.find(({ machine }) => machine === from)?.extraMs ?? 0;
    const delayMs = random.between(1, early ? maxDelayBeforeGstMs + extraMs : maxDelayMs);
    // What is on its way when the network heals arrives soon after that.
    let atMs = Math.min(agenda.nowMs + delayMs, Math.max(agenda.nowMs, gstMs) + maxDelayMs);
    if (order !== undefined) {
      const key = `${from} ${to} ${order}`;
      atMs = Math.max(atMs, this.#lastMs.get(key) ?? 0);
      this.#lastMs.set(key, atMs);
    }
    agenda.at(atMs, () => {
      const [target, twin] = this.#on(to);
      if (target === undefined) return;
      this.#host.note(from * 64 + to);
      if (twin === undefined) return this.#host.within(target.process, () => arrive(target));
      const lot = random.below(3);
      for (const one of [target, twin])
        if (lot !== (one === target ? 1 : 2)) this.#host.later(one.process, atMs, () => arrive(one));
    });
    return true;
  }
}
