/** What chaos does to a network of real processes. */
import type { SeededRandom } from '../support/seeded-random.ts';
import { jumpClocks } from './clock-fault.ts';
import { fillDisk } from './disk-fault.ts';
import { type Battlefield, type Begin, faultsOf, fewNodes, names, someNodes } from './field.ts';
import type { Ground, Link, LinkState } from './ground.ts';
import { tearLog } from './log-fault.ts';

const kill =
  (which: 'node' | 'enclave' | 'both', all: boolean): Begin =>
  async (field, random) => {
    const nodes = all ? [...field.network.nodes] : fewNodes(field, random);
    await Promise.all(nodes.map((node) => node.kill('SIGKILL', which)));
    return {
      name: all ? 'kill -9 of all' : `kill -9 of ${which}`,
      where: names(nodes),
      // An enclave is started again by its node.
      heal: async () => void (await Promise.all(nodes.map((node) => node.start()))),
    };
  };

const freeze: Begin = async (field, random) => {
  const nodes = fewNodes(field, random);
  await Promise.all(nodes.map((node) => node.kill('SIGSTOP', 'both')));
  return {
    name: 'SIGSTOP',
    where: names(nodes),
    heal: async () => void (await Promise.all(nodes.map((node) => node.kill('SIGCONT', 'both')))),
  };
};

const onLinks =
  (name: string, choose: (field: Battlefield, random: SeededRandom) => readonly Link[], state: LinkState): Begin =>
  async (field, random) => {
    const links = choose(field, random);
    await Promise.all(links.map((link) => link.set(state)));
    return {
      name,
      where: links.map(({ from, to }) => `${from + 1}→${to + 1}`).join(' '),
      heal: async () => void (await Promise.all(links.map((link) => link.set({ kind: 'open' })))),
    };
  };

const between =
  (size: (field: Battlefield) => number) =>
  (field: Battlefield, random: SeededRandom): Link[] => {
    const group = new Set(someNodes(field, size(field), random).map(({ index }) => index));
    return field.ground.links.filter(({ from, to }) => group.has(from) !== group.has(to));
  };

const allLinks = ({ ground }: Battlefield): readonly Link[] => ground.links;
const someLinks = ({ ground }: Battlefield, random: SeededRandom): Link[] =>
  ground.links.filter(() => random.integer(3) === 0);

const badLinks = (state: Ground['bad'][number]): Begin => {
  switch (state.kind) {
    case 'stalled':
      return onLinks('some links stalled', someLinks, state);
    case 'slow':
      return onLinks(`all links slow by ${state.delayMs} ms`, allLinks, state);
    case 'lossy':
      return onLinks('an eighth of all packets lost', allLinks, state);
    case 'thin':
      return onLinks('all links thin', allLinks, state);
  }
};

/** Every fault that is possible on a field. */
export const faultsOn = ({ ground, disks }: Pick<Battlefield, 'ground' | 'disks'>): readonly Begin[] => [
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
  ...ground.bad.map(badLinks),
  jumpClocks(-1),
  jumpClocks(1),
  tearLog,
  ...(disks.length === 0 ? [] : [fillDisk]),
];
