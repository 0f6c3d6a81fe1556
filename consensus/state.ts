/**
 * The core's whole memory: views, blocks, the finalised point, timers. Owned by `step`, which changes it in place; the
 * driver reads it only through `query.ts`.
 *
 * Invariant: `views` holds views above the finalised one only; `blocks` holds blocks above it, blocks not yet delivered
 * and the finalised block itself.
 */
import type { BlockHash, Hash, Height, MemberIndex, StateRoot, ValidatorIndex, View } from '../protocol/brand.ts';
import type { Certificate, VerifySignature } from '../protocol/consensus/certificate.ts';
import type { ChainPoint, EpochAnchor } from '../protocol/consensus/configuration.ts';
import type { Evidence } from '../protocol/consensus/evidence.ts';
import type { Header, StateReference } from '../protocol/consensus/header.ts';
import { leaderOrder } from '../protocol/consensus/leader.ts';
import type { Governance, SystemVerdict } from '../protocol/consensus/reconfigure.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import type { WalRecord } from '../protocol/consensus/wal-record.ts';
import type { Parameters } from '../protocol/genesis.ts';
import type { BodyState, CheckedBlock } from './input.ts';

/** What a core is made with. */
export interface CoreConfig {
  readonly anchor: EpochAnchor;
  /** Own position among the validators; undefined for an observer, which never votes. */
  readonly self: ValidatorIndex | undefined;
  /** Who may change the configuration: rule V7. */
  readonly governance: Governance;
  /** Checks the signatures inside system sections. */
  readonly verifySignature: VerifySignature;
}

/** Own votes of one view: the durable map that guards every signature (consensus design §2.4). */
export interface OwnVotes {
  notarize: BlockHash | undefined;
  nullify: boolean;
  finalize: BlockHash | undefined;
}

/** Everything known about one view. Vote slots are indexed by signer. */
export interface ViewState {
  readonly view: View;
  readonly notarize: (Vote | undefined)[];
  readonly nullify: (Vote | undefined)[];
  readonly finalize: (Vote | undefined)[];
  nullifyCount: number;
  notarization: Certificate | undefined;
  nullification: Certificate | undefined;
  finalization: Certificate | undefined;
  /** First proposal of the view's leader. */
  proposal: BlockHash | undefined;
  /** The leader signed a second block. */
  equivocation: boolean;
  readonly own: OwnVotes;
  /** Own votes as they were signed: the only bytes that are ever sent again. */
  readonly ownSigned: Vote[];
}

/** A known block. */
export interface BlockState extends CheckedBlock {
  body: BodyState;
  /** False when the leader signed a justification with an invalid certificate. */
  readonly sound: boolean;
  /** Whether its record is in the log. */
  recorded: boolean;
  /** Rules that need nothing but header, justification and system section: not yet judged, kept, broken. */
  objective: 'unknown' | 'kept' | 'broken';
  /** What the system section does to the configuration, once judged. */
  effect: SystemVerdict | undefined;
  /** First skipped view beyond the justification whose nullification is not known to be held (`skipped.ts`). */
  unheld: View;
}

/** Newest final block. */
export interface FinalPoint extends ChainPoint {
  readonly stateCert: StateReference | undefined;
  /** Finalization of this block; undefined at the epoch's base. */
  readonly finalization: Certificate | undefined;
}

/** Blocks that one finalization made final, not all of whose bodies have arrived. */
export interface PendingDelivery {
  readonly blocks: readonly BlockState[];
  /** Tails between the last block and the one that the finalization names. */
  readonly following: readonly Header[];
  /** Those of them that are known with their justification: without it they prove finality, but convict nobody. */
  readonly tails: readonly BlockState[];
  /** Nullifications that blocks and tails skip views by and do not carry, ascending. */
  readonly unattached: readonly Certificate[];
  readonly finalization: Certificate;
}

/** What makes a closing block final, as a peer or the log gave it. */
export interface ClosingProof {
  readonly block: BlockHash;
  readonly following: readonly Header[];
  readonly finalization: Certificate;
}

/** The end of this core's epoch: its closing block is final. */
export interface EpochEnd {
  readonly closing: BlockState;
  readonly following: readonly Header[];
  readonly finalization: Certificate;
  /** Where the next epoch starts. */
  readonly next: EpochAnchor;
  /** Told the driver, which is to hand in `enterEpoch`. */
  announced: boolean;
}

/** An open request for something missing. */
export interface OpenRequest {
  attempts: number;
  lastAtMs: number;
}

/** The state of one core. */
export interface CoreState {
  readonly config: CoreConfig;
  readonly parameters: Parameters;
  readonly validators: number;
  readonly quorum: number;
  readonly faults: number;
  readonly leaders: readonly ValidatorIndex[];
  /** Current view. */
  current: View;
  enteredAtMs: number;
  finalized: FinalPoint;
  finalizedAtMs: number;
  /** No vote at or below this view (`finalized` records of the log). */
  voteFloor: View;
  readonly views: Map<number, ViewState>;
  readonly blocks: Map<BlockHash, BlockState>;
  highestCertificate: View;
  /** Views above the finalised one with a notarization, in order of arrival. */
  notarizedViews: View[];
  /** Views above the finalised one with a finalization. */
  finalizationViews: View[];
  /** Notarised views for which a FINALIZE vote has not been considered yet. */
  unconsidered: View[];
  readonly deliveries: PendingDelivery[];
  closingProof: ClosingProof | undefined;
  ended: EpochEnd | undefined;
  /** Ids of the newest final blocks by height: what joiners vouch for is compared with them. */
  readonly recent: Map<number, BlockHash>;
  /** Records of the log that belong to later epochs; taken up when they are entered (D3). */
  readonly later: readonly WalRecord[];
  readonly missingBodies: Set<BlockHash>;
  readonly requests: Map<string, OpenRequest>;
  readonly stateCerts: Map<Hash, { readonly height: Height; readonly root: StateRoot } | 'invalid'>;
  readonly evidence: Map<string, Evidence>;
  mempoolPending: boolean;
  /** View for which a payload was asked of the driver, and on which parent. */
  buildAsked: { readonly view: View; readonly parent: BlockHash } | undefined;
  /** View in which execution lags too far for a payload (V10). */
  emptyOnly: View | undefined;
  /** Building failed in the current view. */
  buildFailed: boolean;
  viewTimerAtMs: number | undefined;
  statusAtMs: number;
  quietUntilMs: number;
  /** Measured round trip within which a quorum is reached; 0 while unknown. */
  roundTripMs: number;
  /** Whether the first vote still waits for what others know of us (`key-safety.ts`). */
  listens: boolean;
  /** Finalised view that each other validator told first since the start. */
  readonly toldFinal: Map<MemberIndex, View>;
  /** Monotonic time at which something waits to be tried again (block time in the future, pacing). */
  retryAtMs: number | undefined;
  wakeAtMs: number | undefined;
  readonly heardAtMs: number[];
  readonly repliedAtMs: number[];
  /** Peer that last answered a request. */
  helper: MemberIndex | undefined;
  /** Whether `start` was taken; before it nothing is said. */
  started: boolean;
  halted: boolean;
}

/** A core at a final point, knowing nothing above it. */
export const initialState = (
  config: CoreConfig,
  finalized: FinalPoint,
  { recent, later }: Pick<CoreState, 'recent' | 'later'>,
): CoreState => {
  const { configuration } = config.anchor;
  const validators = configuration.validators.length;
  const members = validators + configuration.observers.length;
  return {
    config,
    parameters: configuration.parameters,
    validators,
    quorum: config.anchor.quorum,
    faults: validators - config.anchor.quorum,
    leaders: leaderOrder(config.anchor),
    current: (finalized.view + 1) as View,
    enteredAtMs: 0,
    finalized,
    finalizedAtMs: 0,
    voteFloor: finalized.view,
    views: new Map(),
    blocks: new Map(),
    highestCertificate: finalized.view,
    notarizedViews: [],
    finalizationViews: [],
    unconsidered: [],
    deliveries: [],
    closingProof: undefined,
    ended: undefined,
    recent,
    later,
    missingBodies: new Set(),
    requests: new Map(),
    stateCerts: new Map(),
    evidence: new Map(),
    mempoolPending: false,
    buildAsked: undefined,
    emptyOnly: undefined,
    buildFailed: false,
    viewTimerAtMs: undefined,
    statusAtMs: 0,
    quietUntilMs: 0,
    roundTripMs: 0,
    listens: false,
    toldFinal: new Map(),
    retryAtMs: undefined,
    wakeAtMs: undefined,
    heardAtMs: new Array<number>(members).fill(0),
    repliedAtMs: new Array<number>(members).fill(Number.NEGATIVE_INFINITY),
    helper: undefined,
    started: false,
    halted: false,
  };
};

/** The epoch's base as a final point; `stateCert` is that of the closing block before, none at genesis. */
export const basePoint = (anchor: EpochAnchor, stateCert?: StateReference): FinalPoint => ({
  ...anchor.base,
  stateCert,
  finalization: undefined,
});

const newView = (view: View, validators: number): ViewState => ({
  view,
  notarize: new Array<Vote | undefined>(validators).fill(undefined),
  nullify: new Array<Vote | undefined>(validators).fill(undefined),
  finalize: new Array<Vote | undefined>(validators).fill(undefined),
  nullifyCount: 0,
  notarization: undefined,
  nullification: undefined,
  finalization: undefined,
  proposal: undefined,
  equivocation: false,
  own: { notarize: undefined, nullify: false, finalize: undefined },
  ownSigned: [],
});

/** The record of a view, made when first needed. */
export const viewOf = (state: CoreState, view: View): ViewState => {
  const known = state.views.get(view);
  if (known !== undefined) return known;
  const fresh = newView(view, state.validators);
  state.views.set(view, fresh);
  return fresh;
};

/** Leader of a view (consensus design §2.9). */
export const leaderOf = (state: CoreState, view: View): ValidatorIndex =>
  state.leaders[view % state.validators] as ValidatorIndex;
