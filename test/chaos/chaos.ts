/**
 * Chaos over real processes: faults of every kind, one after the other, under load, each healed and then measured. What
 * must hold: calls that were acknowledged are there, once; all nodes end with one state; nobody is convicted; after
 * each healing the network goes on within a bound.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { foundNetwork } from '../../testnet/founding.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { FIRST_PORT } from '../../testnet/ports.ts';
import { evidenceCount, eventually, statusOf, untilReady, untilSameState } from '../support/live-network.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { TokenLoad } from '../support/token-load.ts';
import { faultsOn } from './faults.ts';
import type { Battlefield, Fault } from './field.ts';
import type { Disk, Ground } from './ground.ts';
import { loopbackGround } from './loopback.ts';
import { namespacesGround } from './namespaces.ts';

/** What a run is made with. */
export interface ChaosOptions {
  readonly ground: Ground['kind'];
  readonly validators: number;
  readonly seed: number;
  /** Whether faults go on, after so many of so many kinds; the first ones are one of each kind. */
  readonly goesOn: (done: number, kinds: number) => boolean;
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
  readonly ground: Ground['kind'];
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
  let missing = 0;
  // A node that missed a result certificate gets it from the others within a second or two.
  const known = async (): Promise<boolean> => {
    missing = (await Promise.all(network.nodes.map(({ api }) => load.missingAt(api)))).flat().length;
    return missing === 0;
  };
  await eventually(network, 'every acknowledged call at every node', known, PATIENCE_MS).catch(() => undefined);
  const evidence = await evidenceCount(network);
  return [
    ...load.failures.map((failure) => `a call failed: ${String(failure)}`),
    ...(await load.bookErrors()),
    ...(load.badReceipts().length > 0 ? ['a receipt does not verify'] : []),
    ...(missing > 0 ? [`${missing} acknowledged calls are missing at a node`] : []),
    ...(evidence > 0 ? [`${evidence} pieces of evidence against honest validators`] : []),
  ];
};

/** Founds a network, and puts every home on a bounded disk where the ground has such. */
const foundOn = async (ground: Ground, directory: string, validators: number): Promise<Disk[]> => {
  const { file } = await foundNetwork({ directory, validators }, FIRST_PORT);
  const { boundDisk } = ground;
  if (boundDisk === undefined) return [];
  return Promise.all(file.validators.map((name) => boundDisk(join(directory, name))));
};

/** Runs chaos. Rejects when the network cannot be started; everything else is in the report. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const { validators, seed, goesOn, onRound } = options;
  const random = seededRandom(seed);
  await using stack = new AsyncDisposableStack();
  const scratch = await mkdtemp(join(tmpdir(), 'cloister-chaos-'));
  stack.defer(() => rm(scratch, { recursive: true, force: true }));
  const clockOf = (index: number): string => join(scratch, `clock-${index + 1}`);
  const ground = stack.use(
    options.ground === 'loopback'
      ? loopbackGround(clockOf)
      : await namespacesGround(join(scratch, 'namespaces'), validators, clockOf),
  );
  const directory = join(scratch, 'network');
  const disks = await foundOn(ground, directory, validators);
  const network = stack.use(await LocalNetwork.start({ directory, ...ground.wiring }));
  const shiftClock = (index: number, offsetMs: number): Promise<void> => writeFile(clockOf(index), String(offsetMs));
  const field: Battlefield = { network, ground, disks, shiftClock };
  const load = await TokenLoad.prepare(network, 3);
  const startedAt = performance.now();
  const rounds: ChaosRound[] = [];
  const violations: string[] = [];
  const kinds = faultsOn(field);
  load.start(1);
  try {
    while (goesOn(rounds.length, kinds.length)) {
      const begin = kinds[rounds.length < kinds.length ? rounds.length : random.integer(kinds.length)];
      if (begin === undefined) break;
      const fault = await begin(field, random);
      const lastedMs = LEAST_MS + random.integer(MOST_MS - LEAST_MS);
      await delay(lastedMs);
      const round = await settle(field, fault, lastedMs);
      rounds.push(round);
      onRound?.(round, rounds.length);
    }
    await load.stop();
    violations.push(...(await check(network, load)));
  } catch (error) {
    violations.push(error instanceof Error ? error.message : String(error));
  }
  const recovered = rounds.map(({ recoveredMs }) => recoveredMs).sort((a, b) => a - b);
  return {
    ground: ground.kind,
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
