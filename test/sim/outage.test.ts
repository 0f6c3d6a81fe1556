/**
 * Long outages (docs/adr/0019): no proposal gets through for thousands of views, all of which are nullified. When the
 * network heals, the next leader stands on a parent far below, and everybody who is needed for a quorum must come to
 * hold what justifies that: most of them do already, one that was away pulls it, and no liar can hold it up.
 */
import { describe, expect, it } from 'vitest';
import { fakeAnchor } from './fake-crypto.ts';
import { calm, type Lie } from './scenario.ts';
import type { Message } from './sim-exchange.ts';
import type { SimNode } from './sim-node.ts';
import { World } from './world.ts';

const VALIDATORS = 4;
/** Simulated time within which the network must have moved on: a few views, and the way of what is missing. */
const RECOVERY_MS = 60_000;

class OutageWorld extends World {
  out = true;
  /** Machines that hear and say nothing. */
  readonly away = new Set<number>();
  /** Certificates that were pulled. */
  pulled = 0;

  constructor(liars: ReadonlyMap<number, Lie> = new Map()) {
    super(
      { ...calm(7, VALIDATORS), liars },
      fakeAnchor(VALIDATORS, { baseTimeoutMs: 1_000, maxTimeoutMs: 1_000 }),
      undefined,
    );
    for (const node of this.nodes.flat()) node.boot();
    this.offerTransaction();
  }

  override send(from: SimNode, to: number, message: Message): void {
    if (this.out && message.kind === 'proposal') return;
    if (message.kind === 'certificates') this.pulled += message.certificates.length;
    if (this.away.has(from.machine) || this.away.has(to)) return;
    super.send(from, to, message);
  }

  get view(): number {
    return Math.max(...this.honest().map(({ core }) => core?.current ?? 0));
  }

  run(done: () => boolean, untilMs = Number.POSITIVE_INFINITY): void {
    while (!done()) if (!this.agenda.runNext(untilMs)) throw new Error(`nothing came of it until ${untilMs} ms`);
  }

  /** Lets views pass in which no proposal arrives. */
  fail(views: number): void {
    this.run(() => this.view > views);
  }

  /** Proposals arrive again: runs until these machines have delivered two heights; gives the time that it took. */
  heal(machines: readonly number[]): number {
    const { nowMs } = this.agenda;
    this.out = false;
    const waiting = this.honest().filter(({ machine }) => machines.includes(machine));
    this.run(() => {
      if (Math.min(...waiting.map(({ disk }) => disk.ledger.length)) < 2) this.offerTransaction();
      return waiting.every(({ disk }) => disk.ledger.length >= 2);
    }, nowMs + RECOVERY_MS);
    return this.agenda.nowMs - nowMs;
  }
}

describe('after many views without a block', { timeout: 120_000 }, () => {
  it('who took part in the outage goes on at once and pulls nothing', () => {
    const world = new OutageWorld();
    world.fail(500);
    expect(world.heal([0, 1, 2, 3])).toBeLessThan(5_000);
    expect(world.pulled).toBe(0);
  });

  it('a quorum that needs a validator that was away waits for what it pulls', () => {
    const world = new OutageWorld();
    world.away.add(3);
    world.fail(200);
    world.away.delete(3);
    world.away.add(0);
    world.heal([1, 2, 3]);
    expect(world.pulled).toBeGreaterThan(150);
    expect(world.pulled).toBeLessThan(2 * 200);
  });

  it('a validator that was away catches up with a chain that went on without it', () => {
    const world = new OutageWorld();
    world.away.add(3);
    world.fail(200);
    world.heal([0, 1, 2]);
    world.away.delete(3);
    world.heal([0, 1, 2, 3]);
    expect(world.pulled).toBeGreaterThan(150);
  });

  it('validators that all lose their memory at the end go on from their logs', () => {
    const world = new OutageWorld();
    world.fail(200);
    for (const node of world.honest()) node.crash();
    for (const node of world.honest()) node.boot();
    world.heal([0, 1, 2, 3]);
  });

  it('a liar that answers no request holds up nobody who pulls', () => {
    const world = new OutageWorld(new Map([[1, 'withhold']]));
    world.away.add(3);
    world.fail(200);
    world.away.delete(3);
    world.heal([0, 2, 3]);
    expect(world.pulled).toBeGreaterThan(150);
  });
});
