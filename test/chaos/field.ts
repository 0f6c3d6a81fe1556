/** What faults of chaos act on, and what a fault is: it has a name, a beginning and an end. */
import type { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Disk, Ground } from './ground.ts';

/** What faults act on. */
export interface Battlefield {
  readonly network: Pick<LocalNetwork, 'nodes'>;
  readonly ground: Pick<Ground, 'links' | 'bad'>;
  /** Bounded disks by validator; empty where the ground has none. */
  readonly disks: readonly Disk[];
  /** Puts a validator's wall clock off by so much. */
  readonly shiftClock: (index: number, offsetMs: number) => Promise<void>;
}

/** A fault that has begun; `heal` ends it. */
export interface Fault {
  readonly name: string;
  readonly where: string;
  heal(): Promise<void>;
}

/** Begins a fault. Throws when what the product does at once is wrong already. */
export type Begin = (field: Battlefield, random: SeededRandom) => Promise<Fault>;

/** How many validators may fail at once. */
export const faultsOf = ({ network }: Pick<Battlefield, 'network'>): number =>
  Math.floor((network.nodes.length - 1) / 3);

/** Some validators, all different. */
export const someNodes = ({ network }: Battlefield, count: number, random: SeededRandom): NodeProcess[] =>
  network.nodes
    .map((node) => ({ node, key: random.integer(1_000_000) }))
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ node }) => node);

/** From one validator to as many as may fail at once. */
export const fewNodes = (field: Battlefield, random: SeededRandom): NodeProcess[] =>
  someNodes(field, 1 + random.integer(faultsOf(field)), random);

/** Their names, for people. */
export const names = (nodes: readonly NodeProcess[]): string => nodes.map(({ name }) => name).join(', ');
