/** What chaos does to a network of real processes: each fault has a name, a beginning and an end. */
import type { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Link, LinkState } from './link.ts';

/** What faults act on. */
export interface Battlefield {
  readonly network: Pick<LocalNetwork, 'nodes'>;
  readonly links: readonly Link[];
}

/** A fault that has begun; `heal` ends it. */
export interface Fault {
  readonly name: string;
  readonly where: string;
  heal(): Promise<void>;
}

type Begin = (field: Battlefield, random: SeededRandom) => Promise<Fault>;

const faultsOf = ({ network }: Battlefield): number => Math.floor((network.nodes.length - 1) / 3);

const someNodes = ({ network }: Battlefield, count: number, random: SeededRandom): NodeProcess[] =>
  network.nodes
    .map((node) => ({ node, key: random.integer(1_000_000) }))
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .map(({ node }) => node);

const names = (nodes: readonly NodeProcess[]): string => nodes.map(({ name }) => name).join(', ');

const kill =
  (which: 'node' | 'enclave' | 'both', all: boolean): Begin =>
  async (field, random) => {
    const nodes = all ? [...field.network.nodes] : someNodes(field, 1 + random.integer(faultsOf(field)), random);
    await Promise.all(nodes.map((node) => node.kill('SIGKILL', which)));
    return {
      name: all ? 'kill -9 of all' : `kill -9 of ${which}`,
      where: names(nodes),
      // An enclave is started again by its node.
      heal: async () => void (await Promise.all(nodes.map((node) => node.start()))),
    };
  };

const freeze: Begin = async (field, random) => {
  const nodes = someNodes(field, 1 + random.integer(faultsOf(field)), random);
  await Promise.all(nodes.map((node) => node.kill('SIGSTOP', 'both')));
  return {
    name: 'SIGSTOP',
    where: names(nodes),
    heal: async () => void (await Promise.all(nodes.map((node) => node.kill('SIGCONT', 'both')))),
  };
};

const onLinks =
  (name: string, choose: (field: Battlefield, random: SeededRandom) => Link[], state: LinkState): Begin =>
  async (field, random) => {
    const links = choose(field, random);
    for (const link of links) link.set(state);
    return {
      name,
      where: links.map(({ from, to }) => `${from + 1}→${to + 1}`).join(' '),
      heal: async () => {
        for (const link of links) link.set({ kind: 'open' });
      },
    };
  };

const between =
  (size: (field: Battlefield) => number) =>
  (field: Battlefield, random: SeededRandom): Link[] => {
    const group = new Set(someNodes(field, size(field), random).map(({ index }) => index));
    return field.links.filter(({ from, to }) => group.has(from) !== group.has(to));
  };

const someLinks = ({ links }: Battlefield, random: SeededRandom): Link[] => links.filter(() => random.integer(3) === 0);

/** Every fault that chaos knows. */
export const faults: readonly Begin[] = [
  kill('node', false),
  kill('enclave', false),
  kill('both', false),
  kill('both', true),
  freeze,
  onLinks('a minority cut off', between(faultsOf), { kind: 'cut' }),
  onLinks(
    'two halves',
    between(({ network }) => Math.ceil(network.nodes.length / 2)),
    { kind: 'cut' },
  ),
  onLinks('some links cut one way', someLinks, { kind: 'cut' }),
  onLinks('some links stalled', someLinks, { kind: 'stalled' }),
  onLinks('all links slow', ({ links }) => [...links], { kind: 'slow', delayMs: 150 }),
  onLinks('all links beyond the timers', ({ links }) => [...links], { kind: 'slow', delayMs: 2_500 }),
];
