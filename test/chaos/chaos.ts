/**
 * Chaos over real processes: faults of every kind, one after the other, under load, each healed and then measured. What
 * must hold: calls that were acknowledged are there, once; all nodes end with one state; nobody is convicted; after
 * each healing the network goes on within a bound.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { evidenceCount, eventually, statusOf, untilReady, untilSameState } from '../support/live-network.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { TokenLoad } from '../support/token-load.ts';
import { type Battlefield, type Fault, faults } from './faults.ts';
import { Link } from './link.ts';

/** What a run is made with. */
export interface ChaosOptions {
  readonly validators: number;
  /** Faults one after the other, at least one of each kind when there are as many. */
  readonly rounds: number;
  readonly seed: number;
  /** Where the network lives; a temporary directory unless given. */
  readonly directory?: string | undefined;
  readonly onRound?: ((round: ChaosRound, number: number) => void) | undefined;
}

/** One fault and what followed. */
export interface ChaosRound {
  readonly fault: string;
  readonly where: string;
  /** How long it lasted, ms. */
  readonly lastedMs: number;
  /** From healing, with every process up, until three more heights were final at some node, ms. */
  readonly recoveredMs: number;
}

/** What a run showed. */
export interface ChaosReport {
  readonly validators: number;
  readonly seed: number;
  readonly seconds: number;
  readonly calls: number;
  readonly height: number;
  readonly rounds: readonly ChaosRound[];
  readonly recoveredMs: { readonly p50: number; readonly max: number };
  /** What must not be; empty when everything held. */
  readonly violations: readonly string[];
}

const LEAST_MS = 1_000;
const MOST_MS = 4_000;
/** Longest wait for what must come; a longer one is a violation. */
const PATIENCE_MS = 60_000;
const HEIGHTS = 3;

const highest = async ({ network }: Battlefield): Promise<number> =>
  Math.max(0, ...(await Promise.all(network.nodes.map(async (node) => (await statusOf(node))?.finalizedHeight ?? 0))));

const settle = async (field: Battlefield, fault: Fault, lastedMs: number): Promise<ChaosRound> => {
  await fault.heal();
  const healedAt = performance.now();
  const from = await highest(field);
  await eventually(
    field.network,
    `${HEIGHTS} heights after ${fault.name}`,
    async () => (await highest(field)) >= from + HEIGHTS,
    PATIENCE_MS,
  );
  return { fault: fault.name, where: fault.where, lastedMs, recoveredMs: Math.round(performance.now() - healedAt) };
};

const check = async (network: LocalNetwork, load: TokenLoad): Promise<string[]> => {
  await untilReady(network, network.nodes, PATIENCE_MS);
  await untilSameState(network, PATIENCE_MS);
  const missing = (await Promise.all(network.nodes.map(({ api }) => load.missingAt(api)))).flat().length;
  const evidence = await evidenceCount(network);
  return [
    ...load.failures.map((failure) => `a call failed: ${String(failure)}`),
    ...(await load.bookErrors()),
    ...(load.badReceipts().length > 0 ? ['a receipt does not verify'] : []),
    ...(missing > 0 ? [`${missing} acknowledged calls are missing at a node`] : []),
    ...(evidence > 0 ? [`${evidence} pieces of evidence against honest validators`] : []),
  ];
};

/** Runs chaos. Rejects when the network cannot be started; everything else is in the report. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const { validators, rounds: wanted, seed, directory, onRound } = options;
  const random = seededRandom(seed);
  const links: Link[] = [];
  await using stack = new AsyncDisposableStack();
  const network = stack.use(
    await LocalNetwork.start({
      directory,
      validators,
      addressOf: async (to, from) => {
        const known = links.find((link) => link.from === from.index && link.to === to.index);
        const link = known ?? stack.use(await Link.open(from.index, to.index, Number(to.address.split('/').at(-1))));
        if (known === undefined) links.push(link);
        return `/ip4/127.0.0.1/tcp/${link.port}`;
      },
    }),
  );
  const field: Battlefield = { network, links };
  const load = await TokenLoad.prepare(network, 3);
  const startedAt = performance.now();
  const rounds: ChaosRound[] = [];
  const violations: string[] = [];
  load.start(1);
  try {
    for (let number = 0; number < wanted; number += 1) {
      const begin = faults[number < faults.length ? number : random.integer(faults.length)];
      if (begin === undefined) break;
      const fault = await begin(field, random);
      const lastedMs = LEAST_MS + random.integer(MOST_MS - LEAST_MS);
      await delay(lastedMs);
      const round = await settle(field, fault, lastedMs);
      rounds.push(round);
      onRound?.(round, number + 1);
    }
    await load.stop();
    violations.push(...(await check(network, load)));
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error));
  }
  const recovered = rounds.map(({ recoveredMs }) => recoveredMs).sort((a, b) => a - b);
  return {
    validators,
    seed,
    seconds: (performance.now() - startedAt) / 1_000,
    calls: load.count,
    height: await highest(field),
    rounds,
    recoveredMs: { p50: recovered[Math.floor(recovered.length / 2)] ?? 0, max: recovered.at(-1) ?? 0 },
    violations,
  };
};
