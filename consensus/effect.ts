/**
 * Everything that the core asks of its driver. Effects of one step are done strictly in their order.
 *
 * The driver's obligations:
 * 1. `persist` comes first in a step's effects. All records are appended in order; when `sync` is set they are durable
 *    (one fdatasync may cover several steps of one turn) before any later effect of this or a later step is done.
 * 2. `cast`: sign the statement, send it (or the proposal that it signs) and hand it back as `ownVote`. Nothing else
 *    in the process signs consensus votes.
 * 3. A record of kind `block` is completed with the body where the driver holds it.
 * 4. `deliver` hands over blocks in height order, each once a run; after a restart those above the ledger's point again.
 */
import type { BlockHash, Hash, Height, MemberIndex, View } from '../protocol/brand.ts';
import type { Block } from '../protocol/consensus/block.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import type { Evidence } from '../protocol/consensus/evidence.ts';
import type { Header, StateReference } from '../protocol/consensus/header.ts';
import type { ConsensusRequest } from '../protocol/consensus/request.ts';
import type { Status } from '../protocol/consensus/status.ts';
import type { VoteStatement } from '../protocol/consensus/vote.ts';
import type { WalRecord } from '../protocol/consensus/wal-record.ts';

/** A block as it was agreed on. */
export interface FinalBlock extends Block {
  readonly id: BlockHash;
}

/** Why the core stopped voting for good. */
export type HaltCode =
  /** A vote of our own key that we did not cast: the key runs twice, or the log was lost. */
  | 'KEY_USED_TWICE'
  /** Two certificates that cannot both exist: more than f validators are faulty. */
  | 'FORK_DETECTED';

/** One thing to do. */
export type Effect =
  | { readonly kind: 'persist'; readonly records: readonly WalRecord[]; readonly sync: boolean }
  /** `audience: 'none'` after a restart: sign and hand back only. `proposal` is set when the vote signs our own block. */
  | {
      readonly kind: 'cast';
      readonly vote: VoteStatement;
      readonly audience: 'all' | 'none';
      readonly proposal: FinalBlock | undefined;
    }
  /** Publish to everybody (gossip and observers included); asked of a few validators, once a certificate. */
  | { readonly kind: 'relay'; readonly certificate: Certificate }
  /** Send one stored certificate to a peer that lacks it. */
  | { readonly kind: 'sendCertificate'; readonly to: MemberIndex; readonly certificate: Certificate }
  /** Send our stored proposal again; the driver adds the body. */
  | {
      readonly kind: 'sendProposal';
      readonly to: MemberIndex;
      readonly block: FinalBlock;
      readonly signature: Uint8Array;
    }
  /** Send to all other members. */
  | { readonly kind: 'broadcastStatus'; readonly status: Status }
  /** Ask a peer; the answer comes as `blocks` or `body`. Repeated to other peers until it is no longer needed. */
  | { readonly kind: 'request'; readonly to: MemberIndex; readonly request: ConsensusRequest }
  /** Find the result certificate that a header names, verify it, answer with `resultCertificate`. */
  | { readonly kind: 'needResultCertificate'; readonly certHash: Hash; readonly from: MemberIndex }
  /**
   * Choose transactions for our own block, none of them in `ancestors`; answer with `built`. `payload: 'empty'` asks
   * for none. `stateCert` is the parent's: offer it again or a newer one, at most of height `maxStateHeight`.
   */
  | {
      readonly kind: 'build';
      readonly view: View;
      readonly parent: BlockHash;
      readonly ancestors: readonly BlockHash[];
      readonly payload: 'any' | 'empty';
      readonly stateCert: StateReference | undefined;
      readonly maxStateHeight: Height;
    }
  /**
   * Blocks that became final, their bodies present, the tails after the last one (only where it closes the epoch) and the
   * finalization: exactly what `verifyFinality` takes.
   */
  | {
      readonly kind: 'deliver';
      readonly blocks: readonly FinalBlock[];
      readonly following: readonly Header[];
      /** Those tails that are known with their justification, to be kept with the closing block. */
      readonly tails: readonly FinalBlock[];
      /** Nullifications by which blocks and tails skip views and which they do not carry, ascending; to be kept. */
      readonly unattached: readonly Certificate[];
      readonly finalization: Certificate;
    }
  /**
   * The epoch is over and all of it delivered. The driver notes the next epoch and then, as an event of its own after
   * everything before is done and durable (R14), hands in `enterEpoch`.
   */
  | { readonly kind: 'epochEnded'; readonly next: EpochAnchor }
  /** A header lost its chance: a nullified or abandoned block; its transactions return to the pool. */
  | { readonly kind: 'discard'; readonly block: BlockHash; readonly header: Header }
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  /** Hand in `wake` at this monotonic time; replaces the earlier request. */
  | { readonly kind: 'wake'; readonly atMs: number }
  /** Voting has stopped for good; raise the alarm. `vote` is the one of our key that we did not cast, if one was seen. */
  | { readonly kind: 'halt'; readonly code: HaltCode; readonly vote: VoteStatement | undefined };
