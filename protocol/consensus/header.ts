/**
 * Block headers: what validators vote on (consensus design §2.3). The id is the hash of a hand-laid encoding of exactly
 * `HEADER_BYTES` bytes, so that a light client needs no decoder to recompute it.
 */
import type { BlockHash, Hash } from '../brand.ts';
import { type Codec, mapped, optional, refined, struct, u8, u16, u32, u64 } from '../codec.ts';
import { protocolErrors } from '../errors.ts';
import type { Infer } from '../codec.ts';
import { domainHash, fromHex } from '../hash.ts';
import { newBytes } from '../hex.ts';
import {
  blockHashCodec,
  chainIdCodec,
  epochCodec,
  hashCodec,
  heightCodec,
  stateRootCodec,
  validatorIndexCodec,
  viewCodec,
} from '../scalars.ts';
import { ZERO_HASH } from './vote.ts';

/**
 * NORMAL carries transactions or a system section, EMPTY keeps the chain moving, TAIL follows a closing block to make it
 * final and is no part of the ledger.
 */
export type BlockKind = 'normal' | 'empty' | 'tail';

const BLOCK_KINDS: readonly BlockKind[] = ['normal', 'empty', 'tail'];

const blockKindCodec: Codec<BlockKind> = mapped(
  u8,
  (value) => {
    const kind = BLOCK_KINDS[value];
    if (kind === undefined) throw protocolErrors.error('MALFORMED_MESSAGE', { path: 'header.kind' });
    return kind;
  },
  (kind) => BLOCK_KINDS.indexOf(kind),
);

/**
 * The newest result certificate that the proposer builds on: `certHash` is the hash of its result statement. Its height is
 * never zero: in the hashed encoding that is an absent one, and two headers must not have one id.
 */
export const stateReferenceCodec = refined(
  struct({ height: heightCodec, root: stateRootCodec, certHash: hashCodec }),
  ({ height }) => height > 0,
);

/** A reference to a certified execution result. */
export type StateReference = Infer<typeof stateReferenceCodec>;

/** Header format version. */
export const HEADER_VERSION = 1;

/** A header on the wire, fields in the order of the specification. */
export const headerCodec = struct({
  version: u16,
  chainId: chainIdCodec,
  epoch: epochCodec,
  view: viewCodec,
  height: heightCodec,
  kind: blockKindCodec,
  /** Consensus time, ms since the Unix epoch; strictly increasing along the chain. */
  timeMs: u64,
  proposer: validatorIndexCodec,
  parentView: viewCodec,
  parentHash: blockHashCodec,
  /** Hash of the justification. */
  justRoot: hashCodec,
  /** Merkle root over the transaction ids. */
  txRoot: hashCodec,
  txCount: u32,
  bodyBytes: u32,
  /** Root of the plaintext system section; zero when there is none. */
  sysRoot: hashCodec,
  configHash: hashCodec,
  /** Hash of the next epoch's configuration in a closing block and its tails, otherwise zero. */
  nextConfigHash: hashCodec,
  stateCert: optional(stateReferenceCodec),
});

/** A block header. */
export type Header = Infer<typeof headerCodec>;

/** Length of the hashed encoding. */
export const HEADER_BYTES = 2 + 32 + 8 + 8 + 8 + 1 + 8 + 2 + 8 + 32 + 32 + 32 + 4 + 4 + 32 + 32 + 32 + 72;

/** The hashed encoding: every field at its fixed place, big-endian; an absent state certificate is 72 zero bytes. */
export const headerBytes = (header: Header): Uint8Array => {
  const bytes = newBytes(HEADER_BYTES);
  const dataView = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  let offset = 0;
  const put16 = (value: number): void => {
    dataView.setUint16(offset, value);
    offset += 2;
  };
  const put32 = (value: number): void => {
    dataView.setUint32(offset, value);
    offset += 4;
  };
  const put64 = (value: number): void => {
    dataView.setUint32(offset, Math.floor(value / 0x100000000));
    dataView.setUint32(offset + 4, value % 0x100000000);
    offset += 8;
  };
  const putHash = (value: string): void => {
    if (value !== ZERO_HASH) bytes.set(fromHex(value), offset);
    offset += 32;
  };
  put16(header.version);
  putHash(header.chainId);
  put64(header.epoch);
  put64(header.view);
  put64(header.height);
  bytes[offset] = BLOCK_KINDS.indexOf(header.kind);
  offset += 1;
  put64(header.timeMs);
  put16(header.proposer);
  put64(header.parentView);
  putHash(header.parentHash);
  putHash(header.justRoot);
  putHash(header.txRoot);
  put32(header.txCount);
  put32(header.bodyBytes);
  putHash(header.sysRoot);
  putHash(header.configHash);
  putHash(header.nextConfigHash);
  if (header.stateCert !== undefined) {
    put64(header.stateCert.height);
    putHash(header.stateCert.root);
    putHash(header.stateCert.certHash);
  }
  return bytes;
};

const ids = new WeakMap<Header, BlockHash>();

/** Identifier of a block; computed once for each object. */
export const blockId = (header: Header): BlockHash => {
  const known = ids.get(header);
  if (known !== undefined) return known;
  const id = domainHash('cloister/block', headerBytes(header)) as BlockHash;
  ids.set(header, id);
  return id;
};

/** Whether a block is the last one of its epoch; the tails that prove it final are no part of the ledger. */
export const isClosing = ({ kind, nextConfigHash }: Pick<Header, 'kind' | 'nextConfigHash'>): boolean =>
  kind !== 'tail' && nextConfigHash !== ZERO_HASH;

/** Parent hash of the first block: the genesis stands as view 0, height 0, final (consensus design §2.4). */
export const genesisBlockId = (chainId: Hash): BlockHash =>
  domainHash('cloister/genesis-block', fromHex(chainId)) as BlockHash;
