/**
 * Everything that can happen to the core, one event at a time.
 *
 * The driver checks foreign bytes before they come here (`verify.ts`): inputs carry `Verified` values only. Each input
 * carries the time at which the driver hands it over; the core knows no other clock.
 */
import type { BlockHash, Hash, Height, StateRoot, ValidatorIndex, Verified, View } from '../protocol/brand.ts';
import type { BodySummary } from '../protocol/consensus/body.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import type { Evidence } from '../protocol/consensus/evidence.ts';
import type { Header, StateReference } from '../protocol/consensus/header.ts';
import type { Justification } from '../protocol/consensus/justification.ts';
import type { Status } from '../protocol/consensus/status.ts';
import type { Vote } from '../protocol/consensus/vote.ts';

/** Two clocks: one that only moves forward, for timers, and one that agrees with other machines, for block times. */
export interface Now {
  /** Milliseconds on a clock that never goes back within one run of the process. */
  readonly monotonicMs: number;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

/** A header with its id computed, its justification hashed against it. */
export interface CheckedBlock {
  readonly id: BlockHash;
  readonly header: Header;
  readonly justification: Justification;
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
  /** Whether transactions wait that no block of the unfinalised chain carries. */
  | { readonly kind: 'mempool'; readonly pending: boolean }
  | {
      readonly kind: 'proposal';
      readonly proposal: Verified<CheckedProposal>;
      readonly body: BodyState;
      readonly from: ValidatorIndex;
    }
  | { readonly kind: 'vote'; readonly vote: Verified<Vote>; readonly from: ValidatorIndex }
  /** Own vote, signed on request of a `cast` effect after its record was durable. */
  | { readonly kind: 'ownVote'; readonly vote: Verified<Vote> }
  | {
      readonly kind: 'certificate';
      readonly certificate: Verified<Certificate>;
      readonly from: ValidatorIndex | undefined;
    }
  | { readonly kind: 'status'; readonly status: Verified<Status>; readonly from: ValidatorIndex }
  /** Answer to `getHeader` (one block) or `getBlocks` (consecutive ones and the finalization of the last). */
  | {
      readonly kind: 'blocks';
      readonly blocks: readonly (Verified<CheckedBlock> & { readonly body: BodyState })[];
      readonly finalization: Verified<Certificate> | undefined;
      readonly from: ValidatorIndex;
    }
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
