/** What must hold of whole nodes at every moment: one chain, one result, no two votes that exclude each other. */
import type { ValidatorIndex } from '../../../protocol/brand.ts';
import { decode } from '../../../protocol/codec.ts';
import { type EpochAnchor, genesisAnchor } from '../../../protocol/consensus/configuration.ts';
import type { Genesis } from '../../../protocol/genesis.ts';
import { blockId } from '../../../protocol/consensus/header.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { brokenRule } from '../../../protocol/consensus/evidence.ts';
import type { Vote } from '../../../protocol/consensus/vote.ts';
import { MAX_CONSENSUS_MESSAGE_BYTES } from '../../../protocol/limits.ts';
import type { ResultStatement } from '../../../protocol/result.ts';
import { CLOCK_AHEAD_MS } from '../../../consensus/constants.ts';
import type { Channel, PeerName, PenaltyCode } from '../../../node/network/types.ts';
import { Violation } from '../checks.ts';
import type { Counts } from '../counts.ts';
import { machineOf, peerOf } from './peers.ts';

/** See the module comment. */
export class NodeChecks {
  readonly #honest: (machine: number) => boolean;
  readonly #newestMs: () => number;
  readonly #counts: Counts;
  readonly #results: ResultStatement[] = [];
  /** Epochs that some node proved to its enclave, the first one first. */
  readonly anchors: EpochAnchor[];
  readonly #votes = new Map<string, Vote[]>();
  /** Greatest height that each machine has executed. */
  readonly heights = new Map<number, number>();
  #lastSent: Uint8Array | undefined;
  /** The first property that did not hold; it ends the run. */
  violation: Violation | undefined;

  constructor(genesis: Genesis, honest: (machine: number) => boolean, newestMs: () => number, counts: Counts) {
    this.anchors = [genesisAnchor(genesis)];
    this.#honest = honest;
    this.#newestMs = newestMs;
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

  /** P1 and P16: every enclave executes the same block at a height with the same result; P15: of a time that was. */
  onExecuted(machine: number, statement: ResultStatement): void {
    const { height, timeMs } = statement;
    this.#counts.add('block executed');
    this.heights.set(machine, Math.max(height, this.heights.get(machine) ?? 0));
    const agreed = this.#results[height - 1];
    if (agreed === undefined) {
      this.#results[height - 1] = statement;
      const before = this.#results[height - 2];
      if (before !== undefined && before.timeMs >= timeMs) this.fail(`P15: block ${height} is older than its parent`);
      if (timeMs > this.#newestMs() + CLOCK_AHEAD_MS)
        this.fail(`P15: block ${height} is of a time that no honest clock has shown`);
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

  /** P6: an honest node never sends two votes of which one excludes the other, however often it crashes. */
  onSend(machine: number, channel: Channel, bytes: Uint8Array): void {
    if (bytes === this.#lastSent || channel !== 'consensus') return;
    this.#lastSent = bytes;
    const message = decode(consensusMessageCodec, bytes, MAX_CONSENSUS_MESSAGE_BYTES);
    this.#counts.add(`sent ${message.kind}`);
    if (!this.#honest(machine)) return;
    // A node may hand others votes of theirs; its own are those that it answers for.
    for (const vote of votesIn(message))
      if (vote.signer === this.indexOf(machine, vote.epoch)) this.#vote(machine, vote);
  }

  /** An honest node never sends another honest one anything that is false; a change of members may come too late. */
  onPenalty(machine: number, peer: number, code: PenaltyCode): void {
    if (code !== 'invalid-message' && this.#honest(machine) && this.#honest(peer))
      this.fail(`machine ${machine} penalised ${peer} for ${code}`);
  }

  #vote(machine: number, vote: Vote): void {
    const key = `${machine}:${vote.epoch}:${vote.view}`;
    const earlier = this.#votes.get(key) ?? [];
    for (const other of earlier) {
      const rule = brokenRule(other, vote);
      if (rule !== undefined) this.fail(`P6: honest machine ${machine} broke ${rule} in ${vote.epoch}:${vote.view}`);
    }
    if (!earlier.some(({ kind, hash }) => kind === vote.kind && hash === vote.hash)) earlier.push(vote);
    this.#votes.set(key, earlier);
  }
}

const votesIn = (message: ConsensusMessage): readonly Vote[] => {
  if (message.kind === 'vote') return [message.vote];
  if (message.kind === 'status') return message.status.votes;
  if (message.kind !== 'proposal') return [];
  const { header, signature } = message.proposal;
  const { epoch, view, proposer } = header;
  return [{ kind: 'notarize', epoch, view, hash: blockId(header), signer: proposer, signature }];
};
