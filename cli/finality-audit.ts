/** Audit of what proves the blocks of a ledger final: in ascending order, one proof for all the blocks that it covers. */
import type { BlockHash } from '../protocol/brand.ts';
import type { ChainPoint, EpochAnchor } from '../protocol/consensus/configuration.ts';
import { MAX_FOLLOWING_HEADERS } from '../protocol/consensus/finality-proof.ts';
import type { Header } from '../protocol/consensus/header.ts';
import { verifyFinality } from '../protocol/finality.ts';
import { readProof } from '../node/stored-blocks.ts';
import type { Ledger } from '../ledger/index.ts';

/** A check of one block after the other, in ascending order; undefined when nothing is wrong. */
export type FinalityCheck = (header: Header, id: BlockHash) => string | undefined;

/** Makes the check; it says what is wrong with a block, or with those since the last proof. */
export const finalityCheckOf = (
  ledger: Pick<Ledger, 'head' | 'readFinality' | 'readHeader'>,
  epochs: readonly EpochAnchor[],
): FinalityCheck => {
  let previous: ChainPoint | undefined;
  let unproven: Header[] = [];
  return (header, id) => {
    const anchor = epochs[header.epoch - 1];
    if (anchor === undefined) return 'belongs to an epoch that is not proven';
    if (anchor.base.height + 1 === header.height) [previous, unproven] = [anchor.base, []];
    const headers = [...unproven, header];
    const last = header.height === ledger.head().height;
    if (!last && ledger.readFinality(header.height) === undefined && unproven.length < MAX_FOLLOWING_HEADERS) {
      unproven = headers;
      return undefined;
    }
    const before = previous;
    previous = { id, height: header.height, view: header.view, timeMs: header.timeMs };
    unproven = [];
    const proof = readProof(ledger, header.height);
    if (proof === undefined || before === undefined) return 'missing';
    const verdict = verifyFinality(anchor, before, [...headers, ...proof.following], proof.finalization);
    return verdict.verdict === 'final' ? undefined : verdict.code;
  };
};
