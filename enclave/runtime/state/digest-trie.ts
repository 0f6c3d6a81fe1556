/**
 * Authenticated 16-ary trie over keyed digests: path (32 bytes) -> value digest (32 bytes).
 *
 * The shape depends on the contents alone, never on their history: a subtree of one leaf is that leaf, a subtree
 * of two or more is a branch. Paths are keyed digests, hence uniform, and nobody outside can craft deep chains.
 * Leaf hash = H(0x00 ‖ path ‖ value digest); branch hash = H(0x01 ‖ 16 child hashes, zero where there is none);
 * root of the empty trie = 32 zero bytes. Branches lie in one slab, so hashing one reads contiguous memory.
 * Invariant: after `root()` no branch is dirty.
 */
import { sha256 } from '#primitives';

const HASH_BYTES = 32;
const FANOUT = 16;
const BRANCH_STRIDE = 1 + FANOUT * HASH_BYTES;
const LEAF_PREIMAGE_BYTES = 1 + 2 * HASH_BYTES;
const INITIAL_CAPACITY = 64;
/** A child reference: 0 = none, positive = branch number + 1, negative = -(leaf number + 1). */
const NONE = 0;
const ROOT_BRANCH = 0;

function doubled(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2);
  larger.set(bytes);
  return larger;
}

/** The authenticated index of the state. */
export class DigestTrie {
  #branchBytes = new Uint8Array(INITIAL_CAPACITY * BRANCH_STRIDE);
  #children = new Int32Array(INITIAL_CAPACITY * FANOUT);
  #dirty = new Uint8Array(INITIAL_CAPACITY);
  #branchCount = 0;
  readonly #freeBranches: number[] = [];
  #leafPaths = new Uint8Array(INITIAL_CAPACITY * HASH_BYTES);
  #leafCount = 0;
  readonly #freeLeaves: number[] = [];
  readonly #preimage = new Uint8Array(LEAF_PREIMAGE_BYTES);

  constructor() {
    this.#newBranch();
  }

  /** Number of leaves. */
  get size(): number {
    return this.#leafCount - this.#freeLeaves.length;
  }

  /** Bytes held by the slabs, for the memory benchmark. */
  get slabBytes(): number {
    return this.#branchBytes.length + this.#children.byteLength + this.#dirty.length + this.#leafPaths.length;
  }

  /** Sets the value digest under `path`. */
  set(path: Uint8Array, valueDigest: Uint8Array): void {
    let branch = ROOT_BRANCH;
    for (let depth = 0; depth < 2 * HASH_BYTES; depth++) {
      this.#dirty[branch] = 1;
      const slot = branch * FANOUT + nibble(path, 0, depth);
      const child = this.#children[slot] ?? NONE;
      if (child > 0) {
        branch = child - 1;
        continue;
      }
      if (child === NONE) {
        this.#children[slot] = -(this.#newLeaf(path) + 1);
        this.#putLeafHash(slot, path, valueDigest);
        return;
      }
      const leaf = -child - 1;
      if (this.#isPathOf(leaf, path)) {
        this.#putLeafHash(slot, path, valueDigest);
        return;
      }
      branch = this.#pushDown(slot, leaf, depth + 1);
    }
  }

  /** Removes `path`; false when it was not there. */
  remove(path: Uint8Array): boolean {
    const trail: number[] = [];
    let branch = ROOT_BRANCH;
    for (let depth = 0; depth < 2 * HASH_BYTES; depth++) {
      const slot = branch * FANOUT + nibble(path, 0, depth);
      const child = this.#children[slot] ?? NONE;
      trail.push(slot);
      if (child > 0) {
        branch = child - 1;
        continue;
      }
      if (child === NONE || !this.#isPathOf(-child - 1, path)) return false;
      this.#freeLeaves.push(-child - 1);
      this.#clearSlot(slot);
      this.#collapse(trail);
      return true;
    }
    return false;
  }

  /** The root hash; only what changed since the last call is hashed again. */
  root(): Uint8Array {
    if (this.size === 0) return new Uint8Array(HASH_BYTES);
    return this.#hashBranch(ROOT_BRANCH);
  }

  #collapse(trail: readonly number[]): void {
    for (const slot of trail) this.#dirty[Math.floor(slot / FANOUT)] = 1;
    for (let level = trail.length - 1; level > 0; level--) {
      const branch = Math.floor((trail[level] ?? 0) / FANOUT);
      const only = this.#onlyChild(branch);
      if (only === undefined || (this.#children[only] ?? NONE) > 0) return;
      const parentSlot = trail[level - 1] ?? 0;
      this.#children[parentSlot] = this.#children[only] ?? NONE;
      this.#copyHash(only, parentSlot);
      this.#clearSlot(only);
      this.#dirty[branch] = 0;
      this.#freeBranches.push(branch);
    }
  }

  /** The slot of the only child of `branch`, or undefined when it has more than one. */
  #onlyChild(branch: number): number | undefined {
    let only: number | undefined;
    for (let slot = branch * FANOUT; slot < (branch + 1) * FANOUT; slot++) {
      if (this.#children[slot] === NONE) continue;
      if (only !== undefined) return undefined;
      only = slot;
    }
    return only;
  }

  /** Replaces the leaf in `slot` by a branch that holds it, and returns that branch. */
  #pushDown(slot: number, leaf: number, depth: number): number {
    const branch = this.#newBranch();
    const target = branch * FANOUT + nibble(this.#leafPaths, leaf * HASH_BYTES, depth);
    this.#children[target] = -(leaf + 1);
    this.#copyHash(slot, target);
    this.#children[slot] = branch + 1;
    return branch;
  }

  #hashBranch(branch: number): Uint8Array {
    for (let slot = branch * FANOUT; slot < (branch + 1) * FANOUT; slot++) {
      const child = this.#children[slot] ?? NONE;
      if (child > 0 && this.#dirty[child - 1] === 1)
        this.#branchBytes.set(this.#hashBranch(child - 1), hashOffset(slot));
    }
    this.#dirty[branch] = 0;
    const start = branch * BRANCH_STRIDE;
    return sha256(this.#branchBytes.subarray(start, start + BRANCH_STRIDE));
  }

  #putLeafHash(slot: number, path: Uint8Array, valueDigest: Uint8Array): void {
    this.#preimage.set(path, 1);
    this.#preimage.set(valueDigest, 1 + HASH_BYTES);
    this.#branchBytes.set(sha256(this.#preimage), hashOffset(slot));
  }

  #copyHash(from: number, to: number): void {
    const start = hashOffset(from);
    this.#branchBytes.copyWithin(hashOffset(to), start, start + HASH_BYTES);
  }

  #clearSlot(slot: number): void {
    const start = hashOffset(slot);
    this.#children[slot] = NONE;
    this.#branchBytes.fill(0, start, start + HASH_BYTES);
  }

  #isPathOf(leaf: number, path: Uint8Array): boolean {
    const start = leaf * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) {
      if (this.#leafPaths[start + i] !== path[i]) return false;
    }
    return true;
  }

  #newBranch(): number {
    const reused = this.#freeBranches.pop();
    const branch = reused ?? this.#branchCount++;
    if (branch * BRANCH_STRIDE >= this.#branchBytes.length) {
      this.#branchBytes = doubled(this.#branchBytes);
      this.#dirty = doubled(this.#dirty);
      const children = new Int32Array(this.#children.length * 2);
      children.set(this.#children);
      this.#children = children;
    }
    this.#branchBytes[branch * BRANCH_STRIDE] = 1;
    this.#dirty[branch] = 1;
    return branch;
  }

  #newLeaf(path: Uint8Array): number {
    const leaf = this.#freeLeaves.pop() ?? this.#leafCount++;
    if (leaf * HASH_BYTES >= this.#leafPaths.length) this.#leafPaths = doubled(this.#leafPaths);
    this.#leafPaths.set(path, leaf * HASH_BYTES);
    return leaf;
  }
}

function hashOffset(slot: number): number {
  return Math.floor(slot / FANOUT) * BRANCH_STRIDE + 1 + (slot % FANOUT) * HASH_BYTES;
}

function nibble(bytes: Uint8Array, start: number, depth: number): number {
  const byte = bytes[start + (depth >> 1)] ?? 0;
  return (depth & 1) === 0 ? byte >> 4 : byte & 15;
}
