/**
 * How the explorer writes a history: votes and certificates of a view as five bits, two blocks a view, numbered in order
 * of views. Even numbers are the first block of their view (`a`), odd ones the second (`b`).
 */

/** Bits of NOTARIZE votes, or notarizations, of the two blocks. */
export const NOTARIZED = [1, 2] as const;
/** Bits of FINALIZE votes, or finalizations, of the two blocks. */
export const FINALIZED = [4, 8] as const;
/** Bit of a NULLIFY vote, or a nullification. */
export const NULLIFIED = 16;
/** All bits. */
export const ALL_BITS = [...NOTARIZED, ...FINALIZED, NULLIFIED] as const;
/** The epoch's base, parent of the first blocks. */
export const BASE = -1;

/** A history: the parent of each block, the certificates of each view. */
export interface History {
  readonly parents: readonly number[];
  readonly certificates: readonly number[];
}

/** The view of a block. */
export const viewOf = (block: number): number => (block >> 1) + 1;

/** Which of the two blocks of its view a block is. */
export const slotOf = (block: number): 0 | 1 => (block & 1) as 0 | 1;

/** Everything that a block after so many views may name as its parent. */
export const candidates = (views: number): number[] =>
  Array.from({ length: 2 * views + 1 }, (_, index) => index + BASE);

/** Whether a block has a certificate of a kind. */
export const has = (history: History, block: number, kind: readonly [number, number]): boolean =>
  ((history.certificates[block >> 1] ?? 0) & kind[slotOf(block)]) !== 0;

/** A block as a person reads it. */
export const nameOf = (block: number): string => (block === BASE ? 'base' : `${'ab'[slotOf(block)]}${viewOf(block)}`);

/** Votes or certificates of a view as a person reads them. */
export const wordsOf = (bits: number, view: number, words: readonly [string, string, string]): string[] =>
  ALL_BITS.flatMap((bit, position) => {
    if ((bits & bit) === 0) return [];
    if (bit === NULLIFIED) return [words[1]];
    return [`${words[position < 2 ? 0 : 2]} ${nameOf(2 * (view - 1) + (position & 1))}`];
  });
