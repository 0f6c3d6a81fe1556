/**
 * Binary Merkle trees with inclusion paths, as in RFC 6962 §2.1 with 32-byte domain tags instead of prefix bytes.
 *
 * A tree of n leaves splits at the largest power of two below n. The root commits to the leaf count as well, so that
 * a path proves position and size. The empty tree has a root of its own.
 */
import type { Hash } from './brand.ts';
import { equalBytes } from './hex.ts';
import { domainHashBytes, fromHex, toHex, u64Bytes } from './hash.ts';

const leafHash = (leaf: Uint8Array): Uint8Array => domainHashBytes('cloister/merkle-leaf', leaf);
const nodeHash = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  domainHashBytes('cloister/merkle-node', left, right);
const rootHash = (count: number, top: Uint8Array): Uint8Array =>
  domainHashBytes('cloister/merkle-root', u64Bytes(count), top);
const emptyTop = new Uint8Array(32);

const levelsOf = (leaves: readonly Uint8Array[]): Uint8Array[][] => {
  const levels: Uint8Array[][] = [leaves.map(leafHash)];
  let level = levels[0] ?? [];
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] as Uint8Array;
      const right = level[i + 1];
      above.push(right === undefined ? left : nodeHash(left, right));
    }
    levels.push(above);
    level = above;
  }
  return levels;
};

/** A whole tree, for many paths over the same leaves. */
export interface MerkleTree {
  readonly root: Hash;
  /** Sibling hashes from leaf to top for the leaf at `index`. */
  path(index: number): Uint8Array[];
}

/** Builds the tree over the leaves, in order. */
export const merkleTree = (leaves: readonly Uint8Array[]): MerkleTree => {
  const levels = levelsOf(leaves);
  const top = levels.at(-1)?.[0] ?? emptyTop;
  return {
    root: toHex(rootHash(leaves.length, top)) as Hash,
    path: (index) => {
      if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError('no such leaf');
      const siblings: Uint8Array[] = [];
      let position = index;
      for (const level of levels.slice(0, -1)) {
        const sibling = level[position ^ 1];
        if (sibling !== undefined) siblings.push(sibling);
        position >>= 1;
      }
      return siblings;
    },
  };
};

/** Root over the leaves, in order. */
export const merkleRoot = (leaves: readonly Uint8Array[]): Hash => merkleTree(leaves).root;

/** Path of one leaf. */
export const merklePath = (leaves: readonly Uint8Array[], index: number): Uint8Array[] =>
  merkleTree(leaves).path(index);

/** Whether `leaf` stands at `index` of the `count` leaves under `root`. Never throws on foreign input. */
export const verifyMerklePath = (
  root: Hash,
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
): boolean => {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(count) || index < 0 || index >= count) return false;
  let hash = leafHash(leaf);
  let position = index;
  let width = count;
  let used = 0;
  while (width > 1) {
    const lonely = position % 2 === 0 && position + 1 === width;
    if (!lonely) {
      const sibling = path[used];
      if (sibling === undefined || sibling.length !== 32) return false;
      used += 1;
      hash = position % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
    }
    position = Math.floor(position / 2);
    width = Math.ceil(width / 2);
  }
  return used === path.length && equalBytes(fromHex(root), rootHash(count, hash));
};
