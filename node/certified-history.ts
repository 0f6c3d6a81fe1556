/**
 * What the ledger holds for an enclave that starts anew: executed heights in pieces, each up to a height whose result
 * certificate is here, since that proves all of it.
 */
import { decode } from '../protocol/codec.ts';
import { MAX_RESULT_CERTIFICATE_BYTES, resultCertificateCodec } from '../protocol/result.ts';
import { MAX_RESTORED_BLOCKS, type RequestOf } from '../enclave/boundary/messages.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { decodeHeaderRecord } from './stored-blocks.ts';

/** A request that has an enclave take over consecutive heights. */
export type RestoreBlocks = Extract<RequestOf<'restore'>, { kind: 'blocks' }>;

/** Bytes of write sets after which a piece ends. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** The longest certified beginning of consecutive heights; undefined when none of them is certified. */
const certifiedPiece = (ledger: Ledger, blocks: RestoreBlocks['blocks']): RestoreBlocks | undefined => {
  for (let count = blocks.length; count > 0; count -= 1) {
    const height = blocks[count - 1]?.header.height;
    const stored = height === undefined ? undefined : ledger.readResultCertificate(height);
    if (stored === undefined) continue;
    const certificate = decode(resultCertificateCodec, stored, MAX_RESULT_CERTIFICATE_BYTES);
    return { kind: 'blocks', blocks: blocks.slice(0, count), certificate };
  }
  return undefined;
};

/** The certified history of a ledger from its first height on, in pieces; what comes after it is executed again. */
export const certifiedHistory = async function* (ledger: Ledger): AsyncGenerator<RestoreBlocks, void, undefined> {
  let blocks: RestoreBlocks['blocks'][number][] = [];
  let bytes = 0;
  for await (const { header, writeSet } of ledger.replay()) {
    blocks.push({ header: decodeHeaderRecord(header).header, sealedWriteSet: writeSet });
    bytes += writeSet.length;
    if (blocks.length < MAX_RESTORED_BLOCKS && bytes < PIECE_BYTES) continue;
    const piece = certifiedPiece(ledger, blocks);
    if (piece === undefined) return;
    yield piece;
    blocks = blocks.slice(piece.blocks.length);
    bytes = blocks.reduce((sum, { sealedWriteSet }) => sum + sealedWriteSet.length, 0);
  }
  const piece = certifiedPiece(ledger, blocks);
  if (piece !== undefined) yield piece;
};
