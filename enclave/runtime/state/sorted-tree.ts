/**
 * Sorted-btree as used by state: one constructor and lazy walks in either direction, bounded on both sides.
 *
 * Invariant: a walk yields exactly the pairs with `from <= key < to`, in order, without touching the tree.
 */
import * as sortedBtree from 'sorted-btree';
import { compareKeys, type KeyRange } from './reader.ts';

/** A map of strings ordered by code units. */
export type SortedTree<V> = InstanceType<typeof sortedBtree.default.default<string, V>>;

type TreeConstructor = typeof sortedBtree.default.default;

/** The package is CommonJS: native modules see its exports object as the default, bundlers may unwrap it. */
function treeConstructor(): TreeConstructor {
  const exported: { readonly default: TreeConstructor } | TreeConstructor = sortedBtree.default;
  return 'default' in exported ? exported.default : exported;
}

const Tree = treeConstructor();

/** An empty tree with nodes of at most `maxNodeSize` entries. */
export function newTree<V>(maxNodeSize: number): SortedTree<V> {
  return new Tree<string, V>(undefined, compareKeys, maxNodeSize);
}

/** Walks the pairs of `tree` inside `range`. */
export function* walkTree<V>(tree: SortedTree<V>, range: KeyRange): Generator<[string, V], void> {
  if (range.from >= range.to) return;
  const steps = range.reverse ? tree.entriesReversed(range.to) : tree.entries(range.from);
  for (let step = steps.next(); step.done !== true; step = steps.next()) {
    const [key, value] = step.value;
    if (range.reverse) {
      if (key >= range.to) continue;
      if (key < range.from) return;
    } else if (key >= range.to) {
      return;
    }
    yield [key, value];
  }
}
