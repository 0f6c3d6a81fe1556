/** State layers and the authenticated trie, each against a naive model. */
import { describe, expect, it, vi } from 'vitest';
import { sha256 } from '#primitives';
import { DigestTrie } from '../../../enclave/runtime/state/digest-trie.ts';
import { entryBytes, OrderedState } from '../../../enclave/runtime/state/ordered-state.ts';
import { Overlay } from '../../../enclave/runtime/state/overlay.ts';
import { scan } from '../../../enclave/runtime/state/reader.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { concatBytes, toHex, utf8 } from '../../../protocol/hex.ts';

const hashes = vi.hoisted(() => ({ count: 0 }));

/** The native primitives, with every hash counted: what a write costs, on any machine. */
vi.mock('#primitives', async (original) => {
  const native = await original<typeof import('#primitives')>();
  const counted = (bytes: Uint8Array): Uint8Array => {
    hashes.count += 1;
    return native.sha256(bytes);
  };
  return { ...native, sha256: counted };
});

const naiveRoot = (entries: Map<string, Uint8Array>): string => {
  const leaves = [...entries].map(([path, digest]) => ({
    path,
    hash: sha256(concatBytes(new Uint8Array([0]), Uint8Array.from(Buffer.from(path, 'hex')), digest)),
  }));
  const build = (members: typeof leaves, depth: number): Uint8Array => {
    if (members.length === 0) return new Uint8Array(32);
    if (members.length === 1 && depth > 0) return members[0]?.hash ?? new Uint8Array(32);
    const children = Array.from({ length: 16 }, (_, nibble) =>
      build(
        members.filter((leaf) => Number.parseInt(leaf.path[depth] ?? '', 16) === nibble),
        depth + 1,
      ),
    );
    return sha256(concatBytes(new Uint8Array([1]), ...children));
  };
  return toHex(build(leaves, 0));
};

describe('DigestTrie', () => {
  it('has the root of a naive recomputation after every change, whatever the history', () => {
    const random = seededRandom(11);
    const trie = new DigestTrie();
    const model = new Map<string, Uint8Array>();
    for (let step = 0; step < 1500; step++) {
      // Short alphabets force long common prefixes, hence deep branches and collapses.
      const path = new Uint8Array(32);
      for (let i = 0; i < 32; i++) path[i] = i < 3 ? random.integer(3) * 17 : random.integer(40) === 0 ? 1 : 0;
      if (random.integer(3) === 0) {
        expect(trie.remove(path)).toBe(model.delete(toHex(path)));
      } else {
        const digest = sha256(utf8(`${step}`));
        trie.set(path, digest);
        model.set(toHex(path), digest);
      }
      if (step % 25 === 0) expect(toHex(trie.root())).toBe(naiveRoot(model));
    }
    expect(trie.size).toBe(model.size);
    const rebuilt = new DigestTrie();
    for (const [path, digest] of [...model].reverse()) rebuilt.set(Uint8Array.from(Buffer.from(path, 'hex')), digest);
    expect(toHex(rebuilt.root())).toBe(toHex(trie.root()));
    for (const path of model.keys()) expect(trie.remove(Uint8Array.from(Buffer.from(path, 'hex')))).toBe(true);
    expect(toHex(trie.root())).toBe('00'.repeat(32));
  });

  it('hashes at most four times a write at 2^17 entries, in blocks of 1,000 writes', () => {
    const trie = new DigestTrie();
    const paths = Array.from({ length: 1 << 17 }, (_, i) => sha256(utf8(`path ${i}`)));
    for (const path of paths) trie.set(path, path);
    trie.root();
    const changed = paths.slice(5_000, 25_000).map((path) => [path, sha256(path)] as const);
    hashes.count = 0;
    for (const [number, [path, digest]] of changed.entries()) {
      trie.set(path, digest);
      if (number % 1_000 === 999) trie.root();
    }
    expect(hashes.count).toBeGreaterThanOrEqual(changed.length);
    expect(hashes.count).toBeLessThan(4 * changed.length);
  });
});

describe('Overlay', () => {
  it('shows the merged view that a naive map shows, through two layers, in both directions', () => {
    const random = seededRandom(5);
    const base = new OrderedState();
    base.apply(Array.from({ length: 60 }, (_, i) => [`k${String(i * 2).padStart(3, '0')}`, `base ${i}`] as const));
    const model = new Map(scan(base, { from: '', to: '\uffff', reverse: false }, 1e6));
    const block = new Overlay(base);
    let call = new Overlay(block);
    for (let step = 0; step < 600; step++) {
      const key = `k${String(random.integer(140)).padStart(3, '0')}`;
      if (random.integer(2) === 0) {
        call.remove(key);
        model.delete(key);
      } else {
        call.set(key, `${step}`);
        model.set(key, `${step}`);
      }
      expect(call.get(key)).toBe(model.get(key));
      if (step % 7 === 0) {
        call.commitInto(block);
        call = new Overlay(block);
      }
      const from = `k${String(random.integer(140)).padStart(3, '0')}`;
      const to = `k${String(random.integer(140)).padStart(3, '0')}`;
      const reverse = random.integer(2) === 0;
      const expected = [...model].filter(([k]) => k >= from && k < to).sort(([a], [b]) => (a < b ? -1 : 1));
      if (reverse) expected.reverse();
      expect(scan(call, { from, to, reverse }, 9)).toEqual(expected.slice(0, 9));
    }
    call.commitInto(block);
    const before = base.bytes;
    const delta = block.bytesDelta;
    base.apply(block.writes());
    expect(base.bytes).toBe(before + delta);
    expect(base.bytes).toBe([...model].reduce((sum, [k, v]) => sum + entryBytes(k, v), 0));
    expect(base.size).toBe(model.size);
  });

  it('leaves its parent alone when discarded', () => {
    const base = new OrderedState();
    base.apply([['a', '1']]);
    const overlay = new Overlay(base);
    overlay.set('a', '2');
    overlay.set('b', '3');
    overlay.discard();
    expect(overlay.size).toBe(0);
    expect(overlay.bytesDelta).toBe(0);
    expect(scan(overlay, { from: '', to: 'z', reverse: false }, 9)).toEqual([['a', '1']]);
  });
});
