/**
 * The properties of consensus design §5.3 that show at the edges of whole nodes: P1 one chain, P2 to P5 what certificates
 * say, P6 and P7 votes, P8 certificates that are sent are genuine, P9 epochs, P13 evidence accuses liars only, P14 what
 * enclaves are given is proven, P15 block times, P16 results. P10 to P12 are `simulate.ts`'s.
 */
import type { ValidatorIndex } from '../../../protocol/brand.ts';
import { decode } from '../../../protocol/codec.ts';
import { type Certificate, certificateCodec, certificateFault } from '../../../protocol/consensus/certificate.ts';
import { type EpochAnchor, genesisAnchor } from '../../../protocol/consensus/configuration.ts';
import { verifyEd25519 } from '../../../protocol/finality.ts';
import type { Genesis } from '../../../protocol/genesis.ts';
import { blockId, type Header } from '../../../protocol/consensus/header.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { accusedBy, brokenRule, type Evidence, placeOf, ruleOf } from '../../../protocol/consensus/evidence.ts';
import type { Vote } from '../../../protocol/consensus/vote.ts';
import { MAX_CONSENSUS_MESSAGE_BYTES } from '../../../protocol/limits.ts';
import type { ResultStatement } from '../../../protocol/result.ts';
import { leastTimeMs } from '../../../protocol/consensus/block-rules.ts';
import { CLOCK_AHEAD_MS } from '../../../consensus/constants.ts';
import type { Channel, PeerName, PenaltyCode } from '../../../node/network/types.ts';
import { Violation } from '../checks.ts';
import type { Counts } from '../counts.ts';
import { ViewBook } from '../view-book.ts';
import { machineOf, peerOf } from './peers.ts';

/** What the checks ask of the world. */
export interface CheckedWorld {
  isHonest(machine: number): boolean;
  /** The most that an honest clock can have shown so far. */
  newestMs(): number;
  /** Whether everything in a machine's log of votes is durable. */
  isLogSynced(machine: number): boolean;
}

/** See the module comment. */
export class NodeChecks {
  readonly #world: CheckedWorld;
  readonly #counts: Counts;
  readonly #views = new ViewBook((property, detail) => this.fail(`${property}: ${detail}`));
  readonly #results: ResultStatement[] = [];
  /** Epochs that some node proved to its enclave, the first one first. */
  readonly anchors: EpochAnchor[];
  readonly #votes = new Map<string, Vote[]>();
  /** Greatest height that each machine has executed. */
  readonly heights = new Map<number, number>();
  /** Machines that evidence of honest ones accuses. */
  readonly accused = new Set<number>();
  /** Messages other than STATUS since the last reset. */
  busyMessages = 0;
  #lastSent: Uint8Array | undefined;
  /** The first property that did not hold; it ends the run. */
  violation: Violation | undefined;

  constructor(genesis: Genesis, world: CheckedWorld, counts: Counts) {
    this.anchors = [genesisAnchor(genesis)];
    this.#world = world;
    this.#counts = counts;
  }

  /** Block hashes in order of height. */
  get chain(): readonly string[] {
    return this.#results.map(({ blockHash }) => blockHash);
  }

  /** Notes that a property does not hold. */
  fail(message: string): void {
    this.violation ??= new Violation(message);
  }

  /**
   * P1 and P16: every enclave executes the same block at a height with the same result; P15: of a time that was; P4 and
   * P5: certified, and after no view that it may not skip.
   */
  onExecuted(machine: number, statement: ResultStatement, header: Header): void {
    const { height, timeMs } = statement;
    this.#counts.add('block executed');
    this.heights.set(machine, Math.max(height, this.heights.get(machine) ?? 0));
    const agreed = this.#results[height - 1];
    if (agreed === undefined) {
      this.#results[height - 1] = statement;
      const before = this.#results[height - 2];
      if (before !== undefined && before.timeMs >= timeMs) this.fail(`P15: block ${height} is older than its parent`);
      if (timeMs > Math.max(this.#world.newestMs() + CLOCK_AHEAD_MS, before === undefined ? 0 : leastTimeMs(before)))
        this.fail(`P15: block ${height} is of a time that no honest clock has shown`);
      this.#views.skipped(header);
      if (!this.#views.certified(header, statement.blockHash))
        this.fail(`P4: block ${height} is final and was never notarised`);
    } else if (agreed.blockHash !== statement.blockHash)
      this.fail(`P1: machine ${machine} has another block ${height}`);
    else if (agreed.stateRoot !== statement.stateRoot)
      this.fail(`P16: machine ${machine} has another state after block ${height}`);
  }

  /** P9: all nodes go through the same epochs. */
  onEpoch(machine: number, anchor: EpochAnchor): void {
    const known = this.anchors[anchor.epoch - 1];
    if (known === undefined) {
      this.anchors[anchor.epoch - 1] = anchor;
      this.#counts.add('epoch entered');
    } else if (known.configHash !== anchor.configHash)
      this.fail(`P9: machine ${machine} is in another epoch ${anchor.epoch}`);
  }

  /** Position of a machine among the validators of an epoch. */
  indexOf(machine: number, epoch: number): ValidatorIndex | undefined {
    const validators = this.anchors[epoch - 1]?.configuration.validators ?? [];
    const index = validators.findIndex(({ peerId }) => peerId === peerOf(machine));
    return index < 0 ? undefined : (index as ValidatorIndex);
  }

  /** Machines that vote in the newest epoch. */
  members(): number[] {
    return (this.anchors.at(-1)?.configuration.validators ?? []).map(({ peerId }) => machineOf(peerId as PeerName));
  }

  /** P14: what a node hands its enclave is proven. */
  onRefused(machine: number, reason: string): void {
    this.fail(`P14: the enclave of machine ${machine} was given ${reason}`);
  }

  /** A node sends something to a peer. */
  onSend(machine: number, channel: Channel, bytes: Uint8Array): void {
    if (bytes === this.#lastSent) return;
    this.#lastSent = bytes;
    if (channel !== 'consensus') {
      this.busyMessages += 1;
      return;
    }
    const message = decode(consensusMessageCodec, bytes, MAX_CONSENSUS_MESSAGE_BYTES);
    this.#counts.add(`sent ${message.kind}`);
    if (message.kind !== 'status' && message.kind !== 'presence') this.busyMessages += 1;
    for (const certificate of certificatesIn(message)) this.#certificate(machine, certificate);
    if (!this.#world.isHonest(machine)) return;
    if (message.kind === 'evidence') this.#evidence(message.evidence);
    // A node may hand others votes of theirs; its own are those that it answers for.
    for (const vote of votesIn(message))
      if (vote.signer === this.indexOf(machine, vote.epoch)) this.#vote(machine, vote, message.kind !== 'status');
  }

  /** A node gossips a certificate. */
  onPublish(machine: number, bytes: Uint8Array): void {
    this.busyMessages += 1;
    this.#certificate(machine, decode(certificateCodec, bytes, MAX_CONSENSUS_MESSAGE_BYTES));
  }

  /** P8: what an honest node passes on is genuine; a liar's counts where it is. */
  #certificate(machine: number, certificate: Certificate): void {
    const anchor = this.anchors[certificate.epoch - 1];
    if (anchor === undefined) return;
    if (certificateFault(certificate, anchor, verifyEd25519) === undefined) return this.#views.note(certificate);
    if (this.#world.isHonest(machine))
      this.fail(`P8: honest machine ${machine} sends a false certificate of view ${certificate.view}`);
  }

  /** P13: evidence that an honest node keeps is about liars. */
  #evidence(evidence: Evidence): void {
    const validator = this.anchors[placeOf(evidence).epoch - 1]?.configuration.validators[accusedBy(evidence)];
    if (validator === undefined) return;
    const machine = machineOf(validator.peerId as PeerName);
    this.accused.add(machine);
    this.#counts.add(`evidence ${ruleOf(evidence)}`);
    if (this.#world.isHonest(machine)) this.fail(`P13: evidence ${ruleOf(evidence)} accuses honest machine ${machine}`);
  }

  /** An honest node never sends another honest one anything that is false; a change of members may come too late. */
  onPenalty(machine: number, peer: number, code: PenaltyCode): void {
    if (code !== 'invalid-message' && this.#world.isHonest(machine) && this.#world.isHonest(peer))
      this.fail(`machine ${machine} penalised ${peer} for ${code}`);
  }

  /**
   * P6: an honest node never sends two votes of which one excludes the other, however often it crashes; P7: nor a new one
   * before its log is durable. A status repeats votes of before while the log may be busy with others.
   */
  #vote(machine: number, vote: Vote, isCast: boolean): void {
    const key = `${machine}:${vote.epoch}:${vote.view}`;
    const earlier = this.#votes.get(key) ?? [];
    for (const other of earlier) {
      const rule = brokenRule(other, vote);
      if (rule !== undefined) this.fail(`P6: honest machine ${machine} broke ${rule} in ${vote.epoch}:${vote.view}`);
    }
    if (!earlier.some(({ kind, hash }) => kind === vote.kind && hash === vote.hash)) {
      earlier.push(vote);
      if (isCast && !this.#world.isLogSynced(machine))
        this.fail(`P7: machine ${machine} sent ${vote.kind} of view ${vote.view} before it was durable`);
    }
    this.#votes.set(key, earlier);
  }
}

const certificatesIn = (message: ConsensusMessage): readonly Certificate[] => {
  switch (message.kind) {
    case 'certificate':
      return [message.certificate];
    case 'closing':
      return [message.closing.finalization];
    case 'proposal': {
      const { parent, nullifications } = message.proposal.justification;
      return parent === undefined ? nullifications : [parent, ...nullifications];
    }
    default:
      return [];
  }
};

const votesIn = (message: ConsensusMessage): readonly Vote[] => {
  if (message.kind === 'vote') return [message.vote];
  if (message.kind === 'status') return message.status.votes;
  if (message.kind !== 'proposal') return [];
  const { header, signature } = message.proposal;
  const { epoch, view, proposer } = header;
  return [{ kind: 'notarize', epoch, view, hash: blockId(header), signer: proposer, signature }];
};
