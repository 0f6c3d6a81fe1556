/**
 * Runs twins scenarios over the real core. The network is divided as the round of the newest view says that any node has
 * entered; a message passes if its ends are on one side when it arrives. After the last adversarial round the network is
 * whole, and every correct validator must deliver another block (P10). All properties of `checks.ts` are watched.
 */
import type { ValidatorIndex } from '../../protocol/brand.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { leaderOrder } from '../../protocol/consensus/leader.ts';
import { Violation } from './checks.ts';
import { fakeAnchor } from './fake-crypto.ts';
import type { Lie, Scenario } from './scenario.ts';
import type { Message } from './sim-exchange.ts';
import type { Hooks, SimNode } from './sim-node.ts';
import { RECOVERY_BOUND_MS, type Variation } from './simulate.ts';
import type { Round, TwinsScenarios } from './twins-scenarios.ts';
import { World } from './world.ts';

const TRANSACTION_EVERY_MS = 100;

/** Result of one scenario. */
export interface TwinsOutcome {
  readonly violation: string | undefined;
  /** From the end of the last adversarial round until every correct validator had delivered another block. */
  readonly recoveryMs: number;
  readonly events: number;
  /** Twins of which evidence was found. */
  readonly accused: number;
}

class TwinsWorld extends World {
  readonly #rounds: readonly Round[];
  readonly endpoints: readonly SimNode[];
  readonly #positions: ReadonlyMap<SimNode, number>;

  constructor(scenario: Scenario, anchor: EpochAnchor, rounds: readonly Round[], mutant: Hooks | undefined) {
    super(scenario, anchor, mutant);
    this.#rounds = rounds;
    this.endpoints = this.nodes.flat();
    this.#positions = new Map(this.endpoints.map((node, position) => [node, position]));
  }

  /** Newest view that any node has entered. */
  get newestView(): number {
    let newest = 0;
    for (const { core } of this.endpoints) if (core !== undefined && core.current > newest) newest = core.current;
    return newest;
  }

  #together(a: SimNode, b: SimNode): boolean {
    const sides = this.#rounds[this.newestView - 1]?.sides ?? 0;
    return ((sides >> (this.#positions.get(a) ?? 0)) & 1) === ((sides >> (this.#positions.get(b) ?? 0)) & 1);
  }

  override send(from: SimNode, to: number, message: Message): void {
    const { agenda, random, scenario } = this;
    for (const node of this.nodes[to] ?? []) {
      agenda.at(agenda.nowMs + random.between(1, scenario.maxDelayMs), () => {
        if (this.#together(from, node)) node.receive(message, from.machine);
      });
    }
  }
}

const scenarioOf = ({ validators, correct, twins }: TwinsScenarios, seed: number): Scenario => ({
  seed,
  validators,
  liars: new Map(Array.from({ length: twins }, (_, i): [number, Lie] => [correct + i, 'twins'])),
  dropBeforeGst: 0,
  duplicate: 0,
  maxDelayBeforeGstMs: 50,
  maxDelayMs: 50,
  gstMs: 0,
  partitions: [],
  crashes: [],
  baseTimeoutMs: 300,
  compactBodies: 0,
  clockSkewMs: 5,
  spares: 0,
  changesAtMs: [],
});

/** The views' leaders: as the rounds say, then correct ones; every n views it begins anew, so some must be correct. */
const leadersOf = ({ validators, correct }: TwinsScenarios, rounds: readonly Round[]): ValidatorIndex[] => {
  const leaders = Array.from({ length: validators }, (_, slot) => (slot % correct) as ValidatorIndex);
  for (const [position, { leader }] of rounds.entries())
    leaders[(position + 1) % validators] = leader as ValidatorIndex;
  return leaders;
};

/** The anchor with other leaders: the product keeps one list of leaders for each anchor object. */
const withLeaders = (anchor: EpochAnchor, leaders: readonly ValidatorIndex[]): EpochAnchor => {
  const own = { ...anchor };
  (leaderOrder(own) as ValidatorIndex[]).splice(0, leaders.length, ...leaders);
  return own;
};

const runUntil = (world: World, done: () => boolean, what: string): void => {
  const deadlineMs = world.agenda.nowMs + RECOVERY_BOUND_MS;
  while (!done()) if (!world.agenda.runNext(deadlineMs)) throw new Violation(`P10: ${what}`);
};

/** Runs a scenario to its end; `live` says whether a correct validator ever leads. */
const run = (world: TwinsWorld, rounds: number, live: boolean): number => {
  const { agenda, endpoints } = world;
  for (const node of endpoints) node.boot();
  const offer = (): void => {
    world.offerTransaction();
    agenda.at(agenda.nowMs + TRANSACTION_EVERY_MS, offer);
  };
  offer();
  runUntil(world, () => world.newestView > rounds, 'the adversarial rounds do not end');
  const wholeMs = agenda.nowMs;
  if (!live) return 0;
  const correct = world.honest();
  const target = Math.max(...correct.map(({ disk }) => disk.ledger.length)) + 1;
  runUntil(world, () => correct.every(({ disk }) => disk.ledger.length >= target), `no block ${target} everywhere`);
  return agenda.nowMs - wholeMs;
};

/** Runs the scenario at a place of the order; a variation plants a mistake. */
export const runTwins = (scenarios: TwinsScenarios, place: number, variation: Variation = {}): TwinsOutcome => {
  const rounds = scenarios.at(place);
  const leaders = leadersOf(scenarios, rounds);
  const base = fakeAnchor(scenarios.validators, { baseTimeoutMs: 300, maxStateLagBlocks: 12 });
  const anchor = withLeaders({ ...base, quorum: variation.quorum ?? base.quorum }, leaders);
  const world = new TwinsWorld(scenarioOf(scenarios, place), anchor, rounds, variation.mutant);
  world.checksVotes = variation.outcomeOnly !== true;
  const live = leaders.some((leader) => leader < scenarios.correct);
  let violation: string | undefined;
  let recoveryMs = 0;
  try {
    recoveryMs = run(world, rounds.length, live);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error.message;
  }
  return { violation, recoveryMs, events: world.events, accused: world.checks.accused.size };
};

/** Command that repeats a scenario. */
export const repeatTwins = (validators: number, place: number): string =>
  `npm run twins -- --validators ${validators} --from ${place} --count 1`;
