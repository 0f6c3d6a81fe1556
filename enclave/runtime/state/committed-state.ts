/**
 * Committed state with its authenticated root: the ordered map and the trie over keyed digests, always in step.
 *
 * Path of an entry = H(key ‖ 1 ‖ state key), value digest = H(key ‖ 2 ‖ path ‖ value), both under the epoch's digest
 * key, so the root commits to everything and tells nothing to whoever does not hold the key. The key is 32 secret bytes
 * in front of input that no one outside sees the digest of.
 */
import { sha256 } from '#primitives';
import type { StateRoot } from '../../../protocol/brand.ts';
import { toHex } from '../../../protocol/hex.ts';
import { DigestTrie } from './digest-trie.ts';
import { OrderedState, type StateWrite } from './ordered-state.ts';
import type { KeyRange, StateEntry, StateReader } from './reader.ts';

const HASH_BYTES = 32;
const PATH_TAG = 1;
const VALUE_TAG = 2;
const encoder = new TextEncoder();

/** Digests under one secret key. */
class KeyedDigest {
  #buffer = new Uint8Array(4096);

  constructor(key: Uint8Array) {
    this.#buffer.set(key);
  }

  path(key: string): Uint8Array {
    return this.#digest(PATH_TAG, undefined, key);
  }

  value(path: Uint8Array, value: string): Uint8Array {
    return this.#digest(VALUE_TAG, path, value);
  }

  #digest(tag: number, path: Uint8Array | undefined, text: string): Uint8Array {
    const start = HASH_BYTES + 1 + (path === undefined ? 0 : HASH_BYTES);
    if (start + 3 * text.length > this.#buffer.length) this.#grow(start + 3 * text.length);
    this.#buffer[HASH_BYTES] = tag;
    if (path !== undefined) this.#buffer.set(path, HASH_BYTES + 1);
    const { written } = encoder.encodeInto(text, this.#buffer.subarray(start));
    return sha256(this.#buffer.subarray(0, start + written));
  }

  #grow(minimumBytes: number): void {
    const larger = new Uint8Array(2 * minimumBytes);
    larger.set(this.#buffer.subarray(0, HASH_BYTES));
    this.#buffer = larger;
  }
}

/** The state that the network agreed on at the last executed height. */
export class CommittedState implements StateReader {
  readonly #entries = new OrderedState();
  readonly #trie = new DigestTrie();
  readonly #digest: KeyedDigest;

  constructor(digestKey: Uint8Array) {
    this.#digest = new KeyedDigest(digestKey);
  }

  get bytes(): number {
    return this.#entries.bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): string | undefined {
    return this.#entries.get(key);
  }

  walk(range: KeyRange): Iterator<StateEntry> {
    return this.#entries.walk(range);
  }

  /** Applies one block's write set and returns the new root. */
  apply(writes: Iterable<StateWrite>): StateRoot {
    const all = [...writes];
    this.#entries.apply(all);
    for (const [key, value] of all) {
      const path = this.#digest.path(key);
      if (value === undefined) this.#trie.remove(path);
      else this.#trie.set(path, this.#digest.value(path, value));
    }
    return this.root();
  }

  /** Root of the state as it is. */
  root(): StateRoot {
    return toHex(this.#trie.root()) as StateRoot;
  }
}
