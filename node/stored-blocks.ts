/**
 * How this node lays final blocks into the ledger, whose records are opaque to the ledger itself: the header record
 * holds header, justification and system section, and a closing block's tails with theirs, so that a fork can be proven
 * and the validators followed for ever; the finality record holds what proves the block final.
 *
 * Where one finalization covers several blocks, the ledger keeps it once, with the last of them, and writes all of them
 * together: a block without a finality record is proven by the headers up to the next one that has it.
 */
import { type BlockHash, height as asHeight } from '../protocol/brand.ts';
import { decode, encode, list, struct } from '../protocol/codec.ts';
import type { Block, BlockWithBody } from '../protocol/consensus/block.ts';
import { type BlockBody, blockBodyCodec } from '../protocol/consensus/body.ts';
import { type Certificate, certificateCodec } from '../protocol/consensus/certificate.ts';
import type { Closing } from '../protocol/consensus/closing.ts';
import type { EpochProof } from '../protocol/consensus/epoch-proof.ts';
import {
  type FinalityProof,
  finalityProofCodec,
  MAX_FINALITY_PROOF_BYTES,
  MAX_FOLLOWING_HEADERS,
} from '../protocol/consensus/finality-proof.ts';
import { type Header, headerCodec, isClosing } from '../protocol/consensus/header.ts';
import { justificationCodec, type ViewRange } from '../protocol/consensus/justification.ts';
import { systemSectionCodec } from '../protocol/consensus/system.ts';
import { MAX_BODY_BYTES } from '../protocol/limits.ts';
import type { FinalisedBlock } from '../ledger/blocks.ts';
import type { Ledger } from '../ledger/ledger.ts';

const headerRecordCodec = struct({
  header: headerCodec,
  justification: justificationCodec,
  system: systemSectionCodec,
  tails: list(struct({ header: headerCodec, justification: justificationCodec }), MAX_FOLLOWING_HEADERS),
});
const MAX_HEADER_RECORD_BYTES = 64 * 1024 * 1024;
const MAX_CERTIFICATE_BYTES = 16 * 1024;
/** Headers and justifications after which a range ends: with bodies beside them they fit an answer. */
const MAX_RANGE_BYTES = 8 * 1024 * 1024;
const HEADER_BYTES = 512;
const MAX_ENCODED_BODY_BYTES = 2 * MAX_BODY_BYTES;

/** A block without its body, as the ledger keeps it. */
export interface HeaderRecord extends Block {
  /** The tails after a closing block, as far as they are known with their justification. */
  readonly tails: readonly Pick<Block, 'header' | 'justification'>[];
}

/** A final block with all that belongs to it. */
export interface StoredBlock extends HeaderRecord {
  readonly id: BlockHash;
  readonly body: BlockBody;
  /** What proves it final; undefined where the ledger keeps that with a later block. */
  readonly proof: FinalityProof | undefined;
  /** Nullifications that the block and its tails need and do not carry; empty once the ledger holds them. */
  readonly unattached: readonly Certificate[];
}

/** A final block with what proves it. */
export interface ProvenBlock extends StoredBlock {
  readonly proof: FinalityProof;
}

/** The ledger's records of a final block. */
export const blockRecords = ({
  id,
  header,
  justification,
  system,
  tails,
  body,
  proof,
  unattached,
}: StoredBlock): FinalisedBlock & { readonly body: Uint8Array } => ({
  height: header.height,
  blockHash: id,
  header: encode(headerRecordCodec, {
    header,
    justification,
    system,
    tails: tails.map((tail) => ({ header: tail.header, justification: tail.justification })),
  }),
  closesEpoch: isClosing(header) ? header.epoch : undefined,
  body: encode(blockBodyCodec, body),
  finality: proof !== undefined && isOwn(proof) ? encode(finalityProofCodec, proof) : undefined,
  nullifications: unattached.map((certificate) => ({
    epoch: certificate.epoch,
    view: certificate.view,
    certificate: encode(certificateCodec, certificate),
  })),
});

/** Nullifications of consecutive skipped views that the ledger holds apart from blocks, from the first view on. */
export const readNullifications = function* (
  ledger: Ledger,
  epoch: number,
  { from, to }: ViewRange,
): Generator<Certificate, void, undefined> {
  for (let view: number = from; view <= to; view += 1) {
    const stored = ledger.readNullification(epoch, view);
    if (stored === undefined) return;
    yield decode(certificateCodec, stored, MAX_CERTIFICATE_BYTES);
  }
};

/** The content of a header record. */
export const decodeHeaderRecord = (record: Uint8Array): HeaderRecord =>
  decode(headerRecordCodec, record, MAX_HEADER_RECORD_BYTES);

/** A final block of the ledger, with its proof where that is its own; undefined above the finalised head. */
export const readStoredBlock = (ledger: Ledger, number: number): StoredBlock | undefined => {
  const stored = ledger.readBlock(asHeight(number));
  if (stored?.body === undefined) return undefined;
  return {
    id: stored.blockHash,
    ...decodeHeaderRecord(stored.header),
    body: decode(blockBodyCodec, stored.body, MAX_ENCODED_BODY_BYTES),
    proof: stored.finality === undefined ? undefined : decodeProof(stored.finality),
    unattached: [],
  };
};

/** A final block of the ledger with what proves it; undefined above the finalised head. */
export const readProvenBlock = (ledger: Ledger, number: number): ProvenBlock | undefined => {
  const block = readStoredBlock(ledger, number);
  const proof = block?.proof ?? (block && readProof(ledger, number));
  return block === undefined || proof === undefined ? undefined : { ...block, proof };
};

const decodeProof = (stored: Uint8Array): FinalityProof => decode(finalityProofCodec, stored, MAX_FINALITY_PROOF_BYTES);

/** What proves a block of the ledger final; undefined above the finalised head. */
export const readProof = (
  ledger: Pick<Ledger, 'readFinality' | 'readHeader'>,
  number: number,
): FinalityProof | undefined => {
  const between: Header[] = [];
  for (let at = number; between.length <= MAX_FOLLOWING_HEADERS; at += 1) {
    const stored = ledger.readFinality(asHeight(at));
    if (stored !== undefined) {
      const { following, finalization } = decodeProof(stored);
      return { following: [...between, ...following], finalization };
    }
    const next = readHeaderRecord(ledger, at + 1);
    if (next === undefined) return undefined;
    between.push(next.header);
  }
  return undefined;
};

/** A final block of the ledger without its body. */
export const readHeaderRecord = (ledger: Pick<Ledger, 'readHeader'>, number: number): HeaderRecord | undefined => {
  const record = ledger.readHeader(asHeight(number));
  return record === undefined ? undefined : decodeHeaderRecord(record);
};

/** What ended an epoch of the ledger; undefined while it lasts. */
export const readClosing = (ledger: Ledger, epoch: number): Closing | undefined => {
  const height = ledger.readEpochEnd(epoch);
  const closing = height === undefined ? undefined : readProvenBlock(ledger, height);
  if (closing === undefined) return undefined;
  const { header, justification, system, body, proof } = closing;
  return { block: { header, justification, system, body }, ...proof };
};

/** The proof of the change of epoch that a closing block made. */
export const epochProofOf = ({ block, following, finalization }: Closing): EpochProof => ({
  header: block.header,
  system: block.system,
  following,
  finalization,
});

/** Consecutive final blocks of one epoch, and what makes the last one final. */
export interface BlockRange {
  readonly blocks: readonly BlockWithBody[];
  /** Tails between the last block, then a closing one, and the block that the finalization names. */
  readonly following: readonly Header[];
  readonly finalization: Certificate | undefined;
}

/** Bounds of a range of blocks. */
export interface RangeBounds {
  readonly from: number;
  readonly to: number;
  readonly maxBlocks: number;
  /** Bodies are left out beyond this, except the first. */
  readonly maxBodyBytes: number;
}

/**
 * Blocks from `from` to at most `to`, extended or shortened so that the last one is proven final by no other block of
 * the ledger, where that is possible; never beyond the end of an epoch. Where one finalization covers more blocks than
 * may be asked for, all of them are given, since none is of use without it.
 */
export const readBlockRange = (ledger: Ledger, { from, to, maxBlocks, maxBodyBytes }: RangeBounds): BlockRange => {
  const read: (HeaderRecord & { readonly proof: FinalityProof | undefined })[] = [];
  let proven = 0;
  let bytes = 0;
  for (let number = from; bytes < MAX_RANGE_BYTES; number += 1) {
    const last = read.at(-1);
    if (last !== undefined && (isClosing(last.header) || (number > to && proven === read.length))) break;
    if (read.length >= (proven > 0 ? maxBlocks : MAX_FOLLOWING_HEADERS)) break;
    const record = readHeaderRecord(ledger, number);
    if (record === undefined) break;
    const stored = ledger.readFinality(asHeight(number));
    const proof = stored === undefined ? undefined : decodeProof(stored);
    read.push({ ...record, proof });
    if (proof !== undefined && isOwn(proof)) proven = read.length;
    bytes += bytesOf(record);
  }
  const chosen = proven > 0 ? read.slice(0, proven) : read;
  const { following = [], finalization } = (proven > 0 && chosen.at(-1)?.proof) || {};
  let bodyBytes = 0;
  const blocks = chosen.map(({ header, justification, system }, index): BlockWithBody => {
    bodyBytes += header.bodyBytes;
    const wanted = index === 0 || bodyBytes <= maxBodyBytes;
    return { header, justification, system, body: wanted ? readBody(ledger, header.height) : undefined };
  });
  return { blocks, following, finalization };
};

const readBody = (ledger: Ledger, number: number): BlockBody | undefined => {
  const stored = ledger.readBody(asHeight(number));
  return stored === undefined ? undefined : decode(blockBodyCodec, stored, MAX_ENCODED_BODY_BYTES);
};

/** Bytes of a block without its body, about. */
const bytesOf = ({ justification: { parent, nullifications } }: Block): number =>
  [...nullifications, ...(parent === undefined ? [] : [parent])].reduce(
    (sum, { signatures }) => sum + signatures.length,
    HEADER_BYTES,
  );

/** Whether nothing but tails stands between the proven block and the one that the finalization names. */
const isOwn = ({ following }: FinalityProof): boolean => following.every(({ kind }) => kind === 'tail');
