/**
 * Planted mistakes: each changes one rule of a model, and the exploration must find it. A mutant is a change of text,
 * so that the models themselves stay free of switches; a text that no longer occurs exactly once is an error.
 */

/** A planted mistake. */
export interface Mutant {
  readonly name: string;
  readonly file: 'simplex.qnt' | 'reconfiguration.qnt';
  readonly main: string;
  readonly init?: string | undefined;
  readonly changes: readonly (readonly [from: string, to: string])[];
  /** Traces within which it must be found, and their length. */
  readonly traces: number;
  readonly steps: number;
}

/** The model with a mistake in it. */
export const mutate = (text: string, mutant: Mutant): string =>
  mutant.changes.reduce((changed, [from, to]) => {
    if (changed.split(from).length !== 2)
      throw new RangeError(`mutant "${mutant.name}": the text must occur once: ${from}`);
    return changed.replace(from, () => to);
  }, text);

const simplex = (name: string, changes: Mutant['changes'], main = 'simplex4'): Mutant => ({
  name,
  file: 'simplex.qnt',
  main,
  changes,
  traces: 2_000,
  steps: 40,
});

const reconfiguration = (name: string, init: string, changes: Mutant['changes'], main = 'epochs4'): Mutant => ({
  name,
  file: 'reconfiguration.qnt',
  main,
  init,
  changes,
  traces: 2_000,
  steps: 60,
});

/** All planted mistakes. */
export const mutants: readonly Mutant[] = [
  simplex('finalise although nullified', [['    not(core.nullify.contains(view)),\n', '']]),
  simplex('notarization held without its votes', [
    ['    id != 0,\n    isNotarized(epoch, votes, id),\n', '    id != 0,\n'],
    ['nondet id = oneOf(notarized) learn', 'nondet id = oneOf(blocks.keys()) learn'],
  ]),
  simplex('finalise another block than the own notarised one', [
    ['    core.notarize.keys().contains(view) implies core.notarize.get(view) == core.notarized.get(view),\n', ''],
  ]),
  simplex('two notarise votes in a view', [
    [
      '    block.view == core.current,\n    not(core.notarize.keys().contains(core.current)),\n',
      '    block.view == core.current,\n',
    ],
  ]),
  simplex('parent gap not checked', [['      block.skipped == gap(parentAt, block.view),\n', '']]),
  simplex('parent not certified', [
    ['      isNotarized(epoch, votes, block.parent) or isFinalized(epoch, votes, block.parent),\n', ''],
  ]),
  simplex('leader skips a view without its nullification', [
    ['    gap(parentView(core), core.current).subseteq(core.nullified),\n', ''],
  ]),
  simplex('votes lost in a crash', [["    disk' = disk.set(i, core),\n", "    disk' = disk,\n"]]),
  simplex('quorum 2f + 1 at n = 6', [['= n - faultBound(n)', '= 2 * faultBound(n) + 1']], 'simplex6'),
  simplex('one vote short of a quorum', [
    [
      '    voters.size() >= epoch.quorum and voters.intersect(epoch.members).size() >= epoch.quorum\n',
      '    voters.size() >= epoch.quorum - 1\n',
    ],
  ]),
  reconfiguration('closing block counts when only notarised', 'initSkipped', [
    [
      'Set[BlockId] = closingOn(memory.get(i).epoch, settled(i))',
      'Set[BlockId] = presentCore(i).notarized.keys().map(v => closingOn(memory.get(i).epoch, presentCore(i).notarized.get(v))).flatten()',
    ],
  ]),
  reconfiguration('votes of the old epoch count in the new', 'initClosed', [
    [
      'def countedVotes(number: int): Votes = votes.get(number)',
      'def countedVotes(number: int): Votes = { ...votes.get(number), nullify: views.mapBy(v => numbers.map(e => votes.get(e).nullify.get(v)).flatten()) }',
    ],
  ]),
  reconfiguration('own votes of the new epoch lost at restart', 'initClosed', [
    [
      '    remember(i, { ...disk.get(i), epoch: number }),\n',
      '    remember(i, { ...disk.get(i), epoch: number, cores: disk.get(i).cores.keys().filter(e => e <= number).mapBy(e => disk.get(i).cores.get(e)) }),\n',
    ],
  ]),
  reconfiguration('transactions after a closing block', 'initSkipped', [
    ['      | Transactions => not(isClosed)\n', '      | Transactions => true\n'],
  ]),
  reconfiguration('second closing block in an epoch', 'initSkipped', [
    ['      | Closing(order) => not(isClosed) and isPermitted', '      | Closing(order) => isPermitted'],
  ]),
  reconfiguration(
    'more than f members change',
    'init',
    [
      ['    old.exclude(new).size() <= faultBound(old.size()),\n', ''],
      ['    new.exclude(old).size() <= faultBound(old.size()),\n', ''],
    ],
    'strangers4',
  ),
  reconfiguration('quorum of the founders kept when the set grows', 'initClosed', [
    ['quorum: quorumOf(order.length()), base', 'quorum: quorumOf(FOUNDERS), base'],
  ]),
];
