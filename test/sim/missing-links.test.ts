/**
 * Links that are down for good while others hold (R1 relay, R11): votes do not reach everybody, and the certificates that
 * a few validators pass on, the next proposal carries, or STATUS asks for must do. As many validators as may are down.
 */
import { describe, expect, it } from 'vitest';
import { fakeAnchor } from './fake-crypto.ts';
import { calm } from './scenario.ts';
import type { Message } from './sim-exchange.ts';
import type { SimNode } from './sim-node.ts';
import { World } from './world.ts';

const BASE_TIMEOUT_MS = 1_000;
const HEIGHTS = 40;

class LinkWorld extends World {
  readonly #cut: ReadonlySet<string>;

  constructor(validators: number, down: readonly number[], cut: readonly (readonly [number, number])[]) {
    const liars = new Map(down.map((machine) => [machine, 'silent'] as const));
    super({ ...calm(3, validators), liars }, fakeAnchor(validators, { baseTimeoutMs: BASE_TIMEOUT_MS }), undefined);
    this.#cut = new Set(cut.flatMap(([a, b]) => [`${a}-${b}`, `${b}-${a}`]));
  }

  override send(from: SimNode, to: number, message: Message): void {
    if (!this.#cut.has(`${from.machine}-${to}`)) super.send(from, to, message);
  }
}

/** Simulated time for a row of heights at all validators that run, with a transaction always waiting. */
const timeOf = (world: LinkWorld): number => {
  const { agenda } = world;
  const offer = (): void => {
    world.offerTransaction();
    agenda.at(agenda.nowMs + 40, offer);
  };
  for (const node of world.honest()) node.boot();
  agenda.at(1, offer);
  while (world.honest().some(({ disk }) => disk.ledger.length < HEIGHTS))
    if (!agenda.runNext(HEIGHTS * 10 * BASE_TIMEOUT_MS)) throw new Error('the heights never came');
  return agenda.nowMs;
};

describe('links that are down for good', () => {
  it.each([
    { validators: 4, down: [], cut: [[0, 1]] },
    {
      validators: 7,
      down: [],
      cut: [
        [0, 1],
        [0, 2],
        [3, 4],
      ],
    },
  ] as const)('$validators validators, cut: $cut: hardly slower than whole', ({ validators, down, cut }) => {
    expect(timeOf(new LinkWorld(validators, down, cut))).toBeLessThan(HEIGHTS * 0.3 * BASE_TIMEOUT_MS);
  });

  // Each vote is needed, and the proposals of the leaders at both ends never reach everybody: their views fail.
  it.each([
    { validators: 4, down: [3], cut: [[0, 1]] },
    { validators: 7, down: [5, 6], cut: [[0, 1]] },
  ] as const)('$validators validators, down: $down, cut: $cut: on it goes', ({ validators, down, cut }) => {
    expect(timeOf(new LinkWorld(validators, down, cut))).toBeLessThan(HEIGHTS * 8 * BASE_TIMEOUT_MS);
  });
});
