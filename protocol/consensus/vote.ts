/**
 * Consensus votes: the 97 bytes that a validator signs, and the vote that travels (consensus design §2.2, §2.3).
 *
 * One layout for all three kinds, so that two contradicting votes are always comparable byte for byte. The leader's
 * NOTARIZE vote is the signature of its proposal: proposing two blocks is voting twice.
 */
import type { BlockHash, ChainId, Epoch, ValidatorIndex, View } from '../brand.ts';
import { type Codec, mapped, struct, u8 } from '../codec.ts';
import { protocolErrors } from '../errors.ts';
import { fromHex, newBytes, utf8 } from '../hex.ts';
import { blockHashCodec, epochCodec, signatureCodec, validatorIndexCodec, viewCodec } from '../scalars.ts';

/** What a vote says about its view: this block may be built on, skip the view, this block is final. */
export type VoteKind = 'notarize' | 'nullify' | 'finalize';

/** Type byte of each kind in the signed bytes and on the wire. */
export const VOTE_TYPES: Readonly<Record<VoteKind, number>> = { notarize: 1, nullify: 2, finalize: 3 };

/** The hash field of a NULLIFY vote, the parent of the first block and every absent hash. */
export const ZERO_HASH = '0'.repeat(64) as BlockHash;

/** What a vote states, without who states it. */
export interface VoteStatement {
  readonly kind: VoteKind;
  readonly epoch: Epoch;
  readonly view: View;
  /** The block; `ZERO_HASH` for NULLIFY. */
  readonly hash: BlockHash;
}

/** A signed vote. */
export interface Vote extends VoteStatement {
  readonly signer: ValidatorIndex;
  readonly signature: Uint8Array;
}

/** Length of the signed bytes. */
export const VOTE_BYTES = 97;
const DOMAIN = utf8('cloister-vote/1');

let prefixed: ChainId | undefined;
const prefix = new Uint8Array(VOTE_BYTES);
prefix.set(DOMAIN);

/** What all votes of a chain have in common; a process votes on one chain. */
const prefixOf = (chainId: ChainId): Uint8Array => {
  if (chainId !== prefixed) {
    prefix.set(fromHex(chainId), 17);
    prefixed = chainId;
  }
  return prefix;
};

const putU64 = (target: Uint8Array, offset: number, value: number): void => {
  const high = Math.floor(value / 0x100000000);
  for (let i = 0; i < 4; i += 1) {
    target[offset + i] = high >>> (24 - 8 * i);
    target[offset + 4 + i] = value >>> (24 - 8 * i);
  }
};

/**
 * The signed bytes: domain (16, zero-padded) ‖ type (1) ‖ chain id (32) ‖ epoch (8) ‖ view (8) ‖ hash (32), big-endian
 * (consensus design §2.2).
 */
export const voteBytes = (chainId: ChainId, statement: VoteStatement): Uint8Array => {
  const bytes = newBytes(VOTE_BYTES);
  bytes.set(prefixOf(chainId));
  bytes[16] = VOTE_TYPES[statement.kind];
  putU64(bytes, 49, statement.epoch);
  putU64(bytes, 57, statement.view);
  if (statement.hash !== ZERO_HASH) bytes.set(fromHex(statement.hash), 65);
  return bytes;
};

const kindOf = (type: number): VoteKind => {
  if (type === 1) return 'notarize';
  if (type === 2) return 'nullify';
  if (type === 3) return 'finalize';
  throw protocolErrors.error('MALFORMED_MESSAGE', { path: 'vote.kind' });
};

/** A vote kind as its type byte. */
export const voteKindCodec: Codec<VoteKind> = mapped(u8, kindOf, (kind) => VOTE_TYPES[kind]);

/** Whether the hash field fits the kind: NULLIFY names no block, the others name one. */
export const hashFitsKind = (statement: VoteStatement): boolean =>
  (statement.kind === 'nullify') === (statement.hash === ZERO_HASH);

/** A vote statement on the wire and in the write-ahead log. */
export const voteStatementCodec: Codec<VoteStatement> = struct({
  kind: voteKindCodec,
  epoch: epochCodec,
  view: viewCodec,
  hash: blockHashCodec,
});

/** A vote on the wire. */
export const voteCodec: Codec<Vote> = struct({
  kind: voteKindCodec,
  epoch: epochCodec,
  view: viewCodec,
  hash: blockHashCodec,
  signer: validatorIndexCodec,
  signature: signatureCodec,
});
