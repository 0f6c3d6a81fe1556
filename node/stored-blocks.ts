/**
 * How this node lays final blocks into the ledger, whose records are opaque to the ledger itself: the header record
 * holds header and justification, so that a fork can be proven for ever; the finality record holds what proves the
 * block final on its own.
 */
import { type BlockHash, height as asHeight } from '../protocol/brand.ts';
import { decode, encode, struct } from '../protocol/codec.ts';
import type { BlockWithBody } from '../protocol/consensus/block.ts';
import { type BlockBody, blockBodyCodec } from '../protocol/consensus/body.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { finalityProofCodec, MAX_FINALITY_PROOF_BYTES } from '../protocol/consensus/finality-proof.ts';
import { type Header, headerCodec } from '../protocol/consensus/header.ts';
import { type Justification, justificationCodec } from '../protocol/consensus/justification.ts';
import { MAX_BODY_BYTES } from '../protocol/limits.ts';
import type { FinalisedBlock } from '../ledger/blocks.ts';
import type { Ledger } from '../ledger/ledger.ts';

const headerRecordCodec = struct({ header: headerCodec, justification: justificationCodec });
const MAX_HEADER_RECORD_BYTES = 8 * 1024 * 1024;
const MAX_ENCODED_BODY_BYTES = 2 * MAX_BODY_BYTES;

/** A final block with all that belongs to it. */
export interface ProvenBlock {
  readonly id: BlockHash;
  readonly header: Header;
  readonly justification: Justification;
  readonly body: BlockBody;
  /** Headers up to the one that `finalization` names; empty when it is the block's own. */
  readonly following: readonly Header[];
  readonly finalization: Certificate;
}

/** The ledger's records of a final block. */
export const blockRecords = (
  block: ProvenBlock,
): FinalisedBlock & { readonly body: Uint8Array; readonly finality: Uint8Array } => ({
  height: block.header.height,
  blockHash: block.id,
  header: encode(headerRecordCodec, { header: block.header, justification: block.justification }),
  body: encode(blockBodyCodec, block.body),
  finality: encode(finalityProofCodec, { following: block.following, finalization: block.finalization }),
});

/** Header and justification of a header record. */
export const decodeHeaderRecord = (
  record: Uint8Array,
): { readonly header: Header; readonly justification: Justification } =>
  decode(headerRecordCodec, record, MAX_HEADER_RECORD_BYTES);

/** A final block of the ledger; undefined above the finalised head. */
export const readProvenBlock = (ledger: Ledger, number: number): ProvenBlock | undefined => {
  const stored = ledger.readBlock(asHeight(number));
  if (stored?.body === undefined || stored.finality === undefined) return undefined;
  return {
    id: stored.blockHash,
    ...decodeHeaderRecord(stored.header),
    body: decode(blockBodyCodec, stored.body, MAX_ENCODED_BODY_BYTES),
    ...decode(finalityProofCodec, stored.finality, MAX_FINALITY_PROOF_BYTES),
  };
};

/** Header and justification of a final block of the ledger. */
export const readHeaderRecord = (ledger: Ledger, number: number): ReturnType<typeof decodeHeaderRecord> | undefined => {
  const record = ledger.readHeader(asHeight(number));
  return record === undefined ? undefined : decodeHeaderRecord(record);
};

/** Consecutive final blocks that end with a block whose own finalization is known. */
export interface BlockRange {
  readonly blocks: readonly BlockWithBody[];
  readonly finalization: Certificate | undefined;
}

/**
 * Blocks from `from` to at most `to`, extended or shortened so that the last one's finalization is its own; bodies are
 * left out once `maxBodyBytes` are reached, except the first.
 */
export const readBlockRange = (
  ledger: Ledger,
  {
    from,
    to,
    maxBlocks,
    maxBodyBytes,
  }: { readonly from: number; readonly to: number; readonly maxBlocks: number; readonly maxBodyBytes: number },
): BlockRange => {
  const last = lastFinalised(ledger, from, to, maxBlocks);
  const blocks: BlockWithBody[] = [];
  let finalization: Certificate | undefined;
  let bodyBytes = 0;
  for (let number = from; number <= last; number += 1) {
    const block = readProvenBlock(ledger, number);
    if (block === undefined) break;
    bodyBytes += block.header.bodyBytes;
    const withBody = number === from || bodyBytes <= maxBodyBytes;
    blocks.push({ header: block.header, justification: block.justification, body: withBody ? block.body : undefined });
    finalization = block.following.length === 0 ? block.finalization : undefined;
  }
  return { blocks, finalization };
};

const lastFinalised = (ledger: Ledger, from: number, to: number, maxBlocks: number): number => {
  const limit = Math.min(to, ledger.head().finalisedHeight, from + maxBlocks - 1);
  const proofAt = (number: number): number => readProvenBlock(ledger, number)?.following.length ?? 0;
  const extended = limit + (limit >= from ? proofAt(limit) : 0);
  if (extended - from < maxBlocks) return extended;
  for (let number = limit; number > from; number -= 1) if (proofAt(number) === 0) return number;
  return limit;
};
