/** Headers and certificates, genuine and forged, with the code under which every light client refuses them. */
import type { ChainId, Hash } from '../../protocol/brand.ts';
import { epoch, height, validatorIndex, view } from '../../protocol/brand.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { ZERO_HASH } from '../../protocol/consensus/vote.ts';
import type { FinalityFault } from '../../protocol/finality.ts';
import type { EnclaveErrorCode } from '../../enclave/boundary/errors.ts';
import { certificateOn, headerOn, pointOf } from '../support/real-chain.ts';
import { type Named, spoiledCertificates } from './forgeries.ts';
import type { History, Piece } from './history.ts';

/** A piece of the first epoch, and what light clients say to it. */
export interface FinalityCase extends Named<FinalityFault | 'final'>, Piece {
  /** What the enclave answers, which tells less. */
  readonly enclave: EnclaveErrorCode | 'executed';
}

/** Everything that a light client of the first epoch is tried with. */
export const finalityCases = ({ anchors, pieces, keys }: History, foreign: History): readonly FinalityCase[] => {
  const [anchor] = anchors;
  const [genuine, later] = pieces;
  const { headers, finalization } = genuine;
  const [first, second, last] = headers as readonly [Header, Header, Header];
  const parent = pointOf(second);
  const bent = (
    name: string,
    verdict: FinalityFault,
    enclave: EnclaveErrorCode,
    changes: Partial<Header>,
  ): FinalityCase => {
    const header = headerOn(anchor, parent, [], changes);
    const signed = certificateOn(anchor, keys, 'finalize', header);
    return { name, verdict, enclave, headers: [first, second, header], finalization: signed };
  };
  const laid = (
    name: string,
    verdict: FinalityFault,
    enclave: EnclaveErrorCode,
    of: readonly Header[],
  ): FinalityCase => ({
    name,
    verdict,
    enclave,
    headers: of,
    finalization,
  });
  const wrongHash = 'ef'.repeat(32) as Hash;
  const one = certificateOn(anchor, keys, 'finalize', first);
  const everybody = certificateOn(anchor, keys, 'finalize', last, [0, 1, 2, 3]);
  const strangers = certificateOn({ ...foreign.anchors[0], chainId: anchor.chainId }, foreign.keys, 'finalize', last);
  return [
    { name: 'genuine', verdict: 'final', enclave: 'executed', ...genuine },
    { name: 'genuine, one block', verdict: 'final', enclave: 'executed', headers: [first], finalization: one },
    { name: 'genuine, by everybody', verdict: 'final', enclave: 'executed', headers, finalization: everybody },
    laid('no headers', 'NO_HEADERS', 'BLOCK_MALFORMED', []),
    laid('the first missing', 'WRONG_PARENT', 'HEIGHT_SKIPPED', [second, last]),
    laid('one left out', 'WRONG_PARENT', 'WRONG_ORDER', [first, last]),
    laid('reordered', 'WRONG_PARENT', 'HEIGHT_SKIPPED', [last, second, first]),
    laid('one twice', 'WRONG_PARENT', 'WRONG_ORDER', [first, second, second, last]),
    laid('the last missing', 'OTHER_BLOCK_FINALIZED', 'NOT_FINAL', [first, second]),
    bent('a height skipped', 'WRONG_HEIGHT', 'WRONG_ORDER', { height: height(4) }),
    bent('another view of the parent', 'WRONG_VIEW', 'WRONG_ORDER', { parentView: view(1) }),
    bent('a view that goes back', 'WRONG_VIEW', 'WRONG_ORDER', {
      view: view(second.view),
      proposer: second.proposer,
    }),
    bent('a time that stands still', 'WRONG_TIME', 'WRONG_ORDER', { timeMs: second.timeMs }),
    bent('another parent', 'WRONG_PARENT', 'WRONG_ORDER', { parentHash: pointOf(first).id }),
    bent('another chain', 'WRONG_CHAIN', 'WRONG_CHAIN', { chainId: wrongHash as string as ChainId }),
    bent('another epoch', 'WRONG_EPOCH', 'WRONG_CHAIN', { epoch: epoch(2) }),
    bent('another version', 'WRONG_VERSION', 'BLOCK_MALFORMED', { version: 2 }),
    bent('another configuration', 'WRONG_CONFIGURATION', 'WRONG_CHAIN', { configHash: wrongHash }),
    bent('another proposer', 'WRONG_PROPOSER', 'NOT_FINAL', {
      proposer: validatorIndex((last.proposer + 1) % anchor.validatorKeys.length),
    }),
    bent('a tail of nothing', 'NOT_A_TAIL', 'NOT_FINAL', { kind: 'tail', nextConfigHash: wrongHash }),
    bent('an empty block with content', 'WRONG_KIND', 'BLOCK_MALFORMED', { txCount: 1 }),
    bent('a change without a section', 'WRONG_KIND', 'BLOCK_MALFORMED', { nextConfigHash: wrongHash }),
    bent('a normal block with nothing', 'WRONG_KIND', 'BLOCK_MALFORMED', { kind: 'normal', sysRoot: ZERO_HASH }),
    bent('too many transactions', 'TOO_LARGE', 'BLOCK_TOO_LARGE', { kind: 'normal', txCount: 4097, bodyBytes: 1 }),
    { name: 'of another chain', verdict: 'WRONG_CHAIN', enclave: 'WRONG_CHAIN', ...foreign.pieces[0] },
    { name: 'of the next epoch', verdict: 'WRONG_EPOCH', enclave: 'HEIGHT_SKIPPED', ...later },
    {
      name: 'signed by strangers',
      verdict: 'CERTIFICATE_BAD_SIGNATURE',
      enclave: 'NOT_FINAL',
      headers,
      finalization: strangers,
    },
    ...spoiledCertificates(finalization).map(([name, verdict, spoiled]): FinalityCase => {
      const code = verdict as FinalityFault;
      return { name: `certificate: ${name}`, verdict: code, enclave: 'NOT_FINAL', headers, finalization: spoiled };
    }),
  ];
};
