/** Two ledgers side by side: where they part, and whom the two chains convict. */
import { height as asHeight } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { epochProofCodec } from '../protocol/consensus/epoch-proof.ts';
import type { Evidence } from '../protocol/consensus/evidence.ts';
import { culpritsOf, type FinalisedChain } from '../protocol/consensus/forensics.ts';
import { unattachedViews } from '../protocol/consensus/justification.ts';
import { type EvidenceFile, evidenceFileOf } from '../protocol/evidence-file.ts';
import { verifyEd25519 } from '../protocol/finality.ts';
import { chainIdOf, type Genesis, type Validator } from '../protocol/genesis.ts';
import { Ledger } from '../ledger/ledger.ts';
import { epochsOf } from '../node/epochs.ts';
import { homePaths, readGenesis, readPassphrase, readSecrets } from '../node/home.ts';
import {
  epochProofOf,
  readClosing,
  readHeaderRecord,
  readNullifications,
  readProvenBlock,
} from '../node/stored-blocks.ts';
import { cliErrors } from './errors.ts';

/** Outcome of a comparison. */
export type LedgerComparison =
  | { readonly kind: 'same'; readonly height: number }
  | {
      readonly kind: 'forked';
      /** First height at which both hold a final block, not the same. */
      readonly height: number;
      readonly epoch: number;
      readonly validators: readonly Validator[];
      readonly evidence: readonly Evidence[];
      readonly files: readonly EvidenceFile[];
    };

const open = async (home: string, genesis: Genesis): Promise<Ledger> => {
  const { replica } = await readSecrets(home, await readPassphrase(home));
  return Ledger.open(homePaths(home).ledger, { replicaKey: replica, chainId: chainIdOf(genesis) });
};

/** Compares the final blocks of two homes that are stopped. Throws CONFIG_OTHER_CHAIN, LEDGER_LOCKED and the like. */
export const compareLedgers = async (firstHome: string, secondHome: string): Promise<LedgerComparison> => {
  const genesis = await readGenesis(homePaths(firstHome).genesis);
  const other = await readGenesis(homePaths(secondHome).genesis);
  if (chainIdOf(genesis) !== chainIdOf(other)) throw cliErrors.error('CONFIG_OTHER_CHAIN', { home: secondHome });
  await using first = await open(firstHome, genesis);
  await using second = await open(secondHome, genesis);
  const common = Math.min(first.head().finalisedHeight, second.head().finalisedHeight);
  const parting = partingHeight(first, second, common);
  if (parting === undefined) return { kind: 'same', height: common };
  const anchor = anchorAt(first, genesis, parting);
  const evidence = culpritsOf(anchor, chainFrom(first, parting), chainFrom(second, parting), verifyEd25519);
  const proofs = Array.from({ length: anchor.epoch - 1 }, (_, index) => readClosing(first, index + 1)).flatMap(
    (closing) => (closing === undefined ? [] : [encode(epochProofCodec, epochProofOf(closing))]),
  );
  return {
    kind: 'forked',
    height: parting,
    epoch: anchor.epoch,
    validators: anchor.configuration.validators,
    evidence,
    files: evidence.map((piece) => evidenceFileOf(genesis, proofs, piece)),
  };
};

/** Chains part once and never meet again, so the first difference is found by halving. */
const partingHeight = (first: Ledger, second: Ledger, common: number): number | undefined => {
  const same = (height: number): boolean =>
    first.readBlockHash(asHeight(height)) === second.readBlockHash(asHeight(height));
  if (common === 0 || same(common)) return undefined;
  let [low, high] = [0, common];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (same(middle)) low = middle;
    else high = middle;
  }
  return high;
};

/** The epoch in which both ledgers hold a block of a height: its base is common to both. */
const anchorAt = (ledger: Ledger, genesis: Genesis, height: number): EpochAnchor => {
  const anchors = epochsOf(ledger, genesis);
  const anchor = anchors.findLast(({ base }) => base.height < height);
  if (anchor === undefined) throw cliErrors.error('CONFIG_NO_LEDGER', { home: 'ledger' });
  return anchor;
};

/** The blocks from a height up to the first one that is final by itself, with their justifications as far as known. */
const chainFrom = (ledger: Ledger, height: number): FinalisedChain => {
  const block = readProvenBlock(ledger, height);
  if (block === undefined) throw cliErrors.error('CONFIG_NO_LEDGER', { home: 'ledger' });
  const { header, justification, tails, proof } = block;
  const later = proof.following
    .filter(({ kind }) => kind !== 'tail')
    .flatMap((each) => readHeaderRecord(ledger, each.height) ?? []);
  const chain = [{ header, justification, tails }, ...later];
  const blocks = [...chain, ...chain.flatMap((each) => each.tails)];
  const unattached = blocks.flatMap((each) => {
    const range = unattachedViews(each.header);
    return range === undefined ? [] : [...readNullifications(ledger, each.header.epoch, range)];
  });
  return { blocks, unattached, finalization: proof.finalization };
};
