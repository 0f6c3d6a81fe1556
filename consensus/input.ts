/**
 * Everything that can happen to the core, one event at a time.
 *
 * The driver checks foreign bytes before they come here (`verify.ts`): inputs carry `Verified` values only. Each input
 * carries the time at which the driver hands it over; the core knows no other clock.
 */
import type {
  BlockHash,
  Hash,
  Height,
  MemberIndex,
  StateRoot,
  ValidatorIndex,
  Verified,
  View,
} from '../protocol/brand.ts';
import type { BodySummary } from '../protocol/consensus/body.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { type Evidence, placeOf } from '../protocol/consensus/evidence.ts';
import type { Header, StateReference } from '../protocol/consensus/header.ts';
import type { Justification } from '../protocol/consensus/justification.ts';
import type { ConsensusRequest } from '../protocol/consensus/request.ts';
import type { SystemSection } from '../protocol/consensus/system.ts';
import type { Status } from '../protocol/consensus/status.ts';
import type { Vote } from '../protocol/consensus/vote.ts';

/** Two clocks: one that only moves forward, for timers, and one that agrees with other machines, for block times. */
export interface Now {
  /** Milliseconds on a clock that never goes back within one run of the process. */
  readonly monotonicMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

/** A header with its id computed, its justification and system section hashed against it. */
export interface CheckedBlock {
  readonly id: BlockHash;
  readonly header: Header;
  readonly justification: Justification;
  readonly system: SystemSection;
}

/** A proposal whose leader signature is genuine and whose justification hashes to `justRoot`. */
export interface CheckedProposal extends CheckedBlock {
  /** The proposer's NOTARIZE vote. */
  readonly vote: Verified<Vote>;
  /** The certificates of the justification that are valid. */
  readonly certificates: readonly Verified<Certificate>[];
  /** Whether all of them were; a leader that signs an unsound justification has signed an invalid block. */
  readonly sound: boolean;
}

/** What the driver put together for a block: the transactions' summary and the newest result certificate it holds. */
export interface BuiltPayload {
  readonly summary: BodySummary;
  /** System transactions that wait; what the rules do not permit in this block is left out by the core. */
  readonly system: SystemSection;
  /** The parent's again, or a newer one that the driver has verified. */
  readonly stateCert: StateReference | undefined;
}

/** A body at the driver: resolved and checked against its header, not yet, or impossible (rule V6 broken). */
export type BodyState = 'present' | 'absent' | 'invalid';

/** What happened, without when. */
export type Event =
  /** First input after `restore`: sends STATUS, has restored votes signed again. `quietMs`: cast no vote before. */
  | { readonly kind: 'start'; readonly quietMs: number }
  /** The time asked for by the last `wake` effect has come; a spurious one is harmless. */
  | { readonly kind: 'wake' }
  /** The driver measured within which round trip a quorum of validators is reached, nearly always (p99). */
  | { readonly kind: 'roundTrip'; readonly roundTripMs: number }
  /** Whether transactions, system transactions included, wait that no block of the unfinalised chain carries. */
  | { readonly kind: 'mempool'; readonly pending: boolean }
  | {
      readonly kind: 'proposal';
      readonly proposal: Verified<CheckedProposal>;
      readonly body: BodyState;
      readonly from: MemberIndex;
    }
  | { readonly kind: 'vote'; readonly vote: Verified<Vote>; readonly from: MemberIndex }
  /** Own vote, signed on request of a `cast` effect after its record was durable. */
  | { readonly kind: 'ownVote'; readonly vote: Verified<Vote> }
  | {
      readonly kind: 'certificate';
      readonly certificate: Verified<Certificate>;
      readonly from: MemberIndex | undefined;
    }
  /** Answer to `getCertificates`. */
  | {
      readonly kind: 'certificates';
      readonly certificates: readonly Verified<Certificate>[];
      readonly from: MemberIndex | undefined;
    }
  | { readonly kind: 'status'; readonly status: Verified<Status>; readonly from: MemberIndex }
  /** Answer to `getHeader` (one block) or `getBlocks` (consecutive ones and the finalization of the last). */
  | {
      readonly kind: 'blocks';
      readonly blocks: readonly (Verified<CheckedBlock> & { readonly body: BodyState })[];
      readonly finalization: Verified<Certificate> | undefined;
      /** Undefined when a machine outside the epoch answered. */
      readonly from: MemberIndex | undefined;
    }
  /** A peer did not answer in time: another one may be asked. */
  | { readonly kind: 'unanswered'; readonly request: ConsensusRequest }
  /** A closing block of this epoch with a proof that it is final, from a peer that is ahead (R12). */
  | {
      readonly kind: 'closing';
      readonly block: Verified<CheckedBlock>;
      readonly following: readonly Header[];
      readonly finalization: Verified<Certificate>;
      readonly from: MemberIndex | undefined;
    }
  /** R14: the epoch's end is durable; the core starts the next epoch. `self` is the own position there. */
  | { readonly kind: 'enterEpoch'; readonly self: ValidatorIndex | undefined }
  /** The body of a known block was completed, checked and stored, or breaks V6. */
  | { readonly kind: 'body'; readonly block: BlockHash; readonly body: 'present' | 'invalid' }
  /** Answer to `build`; no payload means that building failed. */
  | {
      readonly kind: 'built';
      readonly view: View;
      readonly parent: BlockHash;
      readonly payload: BuiltPayload | undefined;
    }
  /** A result certificate was verified (or, asked for by `needResultCertificate`, found to be false). */
  | { readonly kind: 'resultCertificate'; readonly certHash: Hash; readonly verdict: 'invalid' }
  | {
      readonly kind: 'resultCertificate';
      readonly certHash: Hash;
      readonly verdict: 'valid';
      readonly height: Height;
      readonly root: StateRoot;
    }
  /** Evidence found by another validator, verified. */
  | { readonly kind: 'evidence'; readonly evidence: Verified<Evidence> }
  /** Our key runs in another process as well, or our disk is older than the key. */
  | { readonly kind: 'twin' };

/** What happened and when. */
export type Input = { readonly now: Now } & Event;

/** Epoch that an event belongs to; undefined where it is about no epoch. */
export const eventEpoch = (event: Event): number | undefined => {
  switch (event.kind) {
    case 'proposal':
      return event.proposal.header.epoch;
    case 'vote':
    case 'ownVote':
      return event.vote.epoch;
    case 'certificate':
      return event.certificate.epoch;
    case 'certificates':
      return event.certificates[0]?.epoch;
    case 'status':
      return event.status.epoch;
    case 'blocks':
      return event.blocks[0]?.header.epoch ?? event.finalization?.epoch;
    case 'closing':
      return event.block.header.epoch;
    case 'evidence':
      return placeOf(event.evidence).epoch;
    default:
      return undefined;
  }
};
