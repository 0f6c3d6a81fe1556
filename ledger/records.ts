/**
 * The kinds of records of layout 2 and their contents. On disk none of this is visible: names are keyed and values
 * sealed (`record-cipher.ts`). Records of an executed height are written once; only `head`, and `block` while parts of
 * an unexecuted block arrive, are ever replaced.
 */
import { sha256 } from '#primitives';
import { bytes, type Codec, encode, type Infer, optional, struct, u16, u32, u64 } from '../protocol/codec.ts';
import { domainHashBytes } from '../protocol/hash.ts';

/** Version of the on-disk layout; a change that old code cannot read raises it. */
export const LAYOUT_VERSION = 2;

/** Record kinds with their tag in the keyed name. The names appear in errors and reports. */
export const RECORD_KINDS = {
  layout: 1,
  head: 2,
  block: 3,
  chain: 4,
  header: 5,
  body: 6,
  finality: 7,
  'write set': 8,
  receipts: 9,
  outputs: 10,
  statement: 11,
  'result certificate': 12,
  'block index': 13,
  'transaction index': 14,
  'epoch end': 15,
  nullification: 16,
} as const;

/** Name of a record kind. */
export type RecordKind = keyof typeof RECORD_KINDS;

const digest = bytes(32);

/** What wrote this directory, and for which chain. */
export const layoutCodec = struct({ layout: u16, chainId: digest });

/** How far the ledger got: in the database with every batch, and in the marker file beside it. */
export const headCodec = struct({ executedHeight: u64, finalisedHeight: u64, running: digest, finalisedHash: digest });
/** See `headCodec`. */
export type HeadRecord = Infer<typeof headCodec>;

/** What is held of a finalised block: identity, and digests of the parts that have arrived. */
export const blockCodec = struct({
  blockHash: digest,
  header: digest,
  body: optional(digest),
  finality: optional(digest),
});
/** See `blockCodec`. */
export type BlockRecord = Infer<typeof blockCodec>;

const chainFields = {
  height: u64,
  blockHash: digest,
  header: digest,
  body: digest,
  finality: optional(digest),
  writeSet: digest,
  receipts: digest,
  outputs: digest,
  outputChunks: u32,
  transactions: u32,
  statement: digest,
  previous: digest,
};
const linkCodec = struct(chainFields);

/** One link of the running chain over everything that is stored for an executed height. */
export const chainCodec = struct({ ...chainFields, running: digest });
/** See `chainCodec`. */
export type ChainRecord = Infer<typeof chainCodec>;

/** A link before its running hash is computed. */
export type ChainLink = Infer<typeof linkCodec>;

/** Running hash of a link: covers all its fields, and by `previous` all heights below. */
export const runningHash = (link: ChainLink): Uint8Array =>
  domainHashBytes('cloister/ledger-chain', encode(linkCodec, link));

/** Running hash below height 1. */
export const emptyChain = (chainId: Uint8Array): Uint8Array => domainHashBytes('cloister/ledger-chain-start', chainId);

/** Digest over the digests of a list of parts. */
export const digestOfParts = (parts: readonly Uint8Array[]): Uint8Array => sha256(...parts.map((part) => sha256(part)));

/** Encoded size of a codec whose values all have one size. */
export const fixedSize = <T>(codec: Codec<T>, example: T): number => encode(codec, example).length;
