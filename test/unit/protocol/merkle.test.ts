/** Merkle trees and paths against the definition in RFC 6962. */
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../../protocol/brand.ts';
import { merklePath, merkleRoot, merkleTree, verifyMerklePath } from '../../../protocol/merkle.ts';

const leavesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => Uint8Array.of(i & 255, i >> 8));

describe('Merkle trees', () => {
  it('proves every leaf of every small tree, and nothing else', () => {
    for (let count = 1; count <= 33; count += 1) {
      const leaves = leavesOf(count);
      const tree = merkleTree(leaves);
      for (let index = 0; index < count; index += 1) {
        const leaf = leaves[index] as Uint8Array;
        const path = tree.path(index);
        expect(verifyMerklePath(tree.root, leaf, index, count, path)).toBe(true);
        expect(verifyMerklePath(tree.root, Uint8Array.of(99, 99), index, count, path)).toBe(false);
        expect(verifyMerklePath(tree.root, leaf, index, count + 1, path)).toBe(false);
        if (count > 1) expect(verifyMerklePath(tree.root, leaf, (index + 1) % count, count, path)).toBe(false);
        expect(verifyMerklePath(tree.root, leaf, index, count, [...path, new Uint8Array(32)])).toBe(false);
        if (path.length > 0) expect(verifyMerklePath(tree.root, leaf, index, count, path.slice(1))).toBe(false);
      }
    }
  });

  it('commits to number and order of leaves', () => {
    const roots = new Set<Hash>();
    for (let count = 0; count <= 20; count += 1) roots.add(merkleRoot(leavesOf(count)));
    roots.add(merkleRoot(leavesOf(20).reverse()));
    expect(roots.size).toBe(22);
  });

  it('has paths of logarithmic length', () => {
    expect(merklePath(leavesOf(4096), 4095)).toHaveLength(12);
  });

  it('refuses positions outside the tree', () => {
    expect(() => merklePath(leavesOf(3), 3)).toThrow(RangeError);
    expect(verifyMerklePath(merkleRoot([]), new Uint8Array(0), 0, 0, [])).toBe(false);
  });
});
