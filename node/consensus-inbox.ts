/**
 * What peers say about agreement: decoded, verified, and only then handed to the core.
 *
 * Votes and proposals outside the core's window are dropped before their signatures are checked. Whatever fails its
 * checks costs its sender; the transport has authenticated who that is. A peer in an older epoch is sent what ended it,
 * one in a newer epoch is asked for what ended ours (R12); neither is a fault.
 */
import type { MemberIndex, Verified } from '../protocol/brand.ts';
import { assertNever } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import type { BlockWithBody, Proposal } from '../protocol/consensus/block.ts';
import { type Certificate, certificateCodec } from '../protocol/consensus/certificate.ts';
import type { Closing } from '../protocol/consensus/closing.ts';
import { verifyEpochProof } from '../protocol/consensus/epoch-proof.ts';
import { placeOf } from '../protocol/consensus/evidence.ts';
import { blockId, type Header, isClosing } from '../protocol/consensus/header.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../protocol/consensus/message.ts';
import type { Presence } from '../protocol/consensus/presence.ts';
import { verifyEd25519 } from '../protocol/finality.ts';
import { MAX_CONSENSUS_MESSAGE_BYTES } from '../protocol/limits.ts';
import { findCertificate, isRelevant } from '../consensus/query.ts';
import {
  type Verdict,
  type Verifier,
  verifyBlock,
  verifyCertificate,
  verifyEvidence,
  verifyPresence,
  verifyProposal,
  verifyStatus,
  verifyVote,
} from '../consensus/verify.ts';
import type { BodyStore } from './body-store.ts';
import type { ConsensusDriver } from './consensus-driver.ts';
import type { Epochs } from './epochs.ts';
import type { Mempool } from './mempool.ts';
import type { PeerNetwork } from './network/network.ts';
import type { GossipVerdict, PeerName, PenaltyCode } from './network/types.ts';
import type { PresenceBook } from './presence.ts';
import { rememberingVerifier } from './signature-memory.ts';

/** A view has a few signatures a validator; a generation covers the open views of a hundred validators. */
const REMEMBERED_SIGNATURES = 4_096;

/** What the inbox is made with. */
export interface ConsensusInboxOptions {
  readonly driver: ConsensusDriver;
  readonly epochs: Epochs;
  readonly network: PeerNetwork;
  readonly presence: PresenceBook;
  readonly bodies: BodyStore;
  readonly mempool: Mempool;
  /** Takes the result certificate that came with a proposal. */
  readonly onResultCertificate: (encoded: Uint8Array, from: PeerName) => void;
  /** Asks the proposer for transactions of its block that are missing here. */
  readonly onMissingTransactions: (proposal: Proposal, indexes: readonly number[], from: PeerName) => void;
  /** A peer is in this older epoch. */
  readonly onBehind: (epoch: number, peer: PeerName) => void;
  /** A peer is in a newer epoch than this node. */
  readonly onAhead: (peer: PeerName) => void;
}

/** A blocks answer that has arrived. */
export interface ReceivedBlocks {
  readonly blocks: readonly BlockWithBody[];
  readonly following: readonly Header[];
  readonly finalization: Certificate | undefined;
}

const epochOf = (message: Exclude<ConsensusMessage, { kind: 'presence' }>): number => {
  switch (message.kind) {
    case 'vote':
      return message.vote.epoch;
    case 'proposal':
      return message.proposal.header.epoch;
    case 'certificate':
      return message.certificate.epoch;
    case 'status':
      return message.status.epoch;
    case 'evidence':
      return placeOf(message.evidence).epoch;
    case 'closing':
      return message.closing.block.header.epoch;
    default:
      return assertNever(message);
  }
};

/** See the module comment. */
export class ConsensusInbox {
  readonly #options: ConsensusInboxOptions;
  readonly #verifySignature = rememberingVerifier(verifyEd25519, REMEMBERED_SIGNATURES);

  constructor(options: ConsensusInboxOptions) {
    this.#options = options;
  }

  /** Takes a message of the consensus channel. */
  receive(peer: PeerName, foreign: Uint8Array): void {
    const message = this.#decode(peer, foreign);
    if (message === undefined) return;
    if (message.kind === 'presence') return this.#presence(peer, message.presence);
    const { driver, epochs, onBehind, onAhead } = this.#options;
    const epoch = epochOf(message);
    const { epoch: present } = driver.core.config.anchor;
    // Whoever tells how an epoch ended is past it: an answer to that would be answered for ever.
    if (epoch < present) return message.kind === 'closing' ? undefined : onBehind(epoch, peer);
    if (epoch > present) return onAhead(peer);
    const from = epochs.memberOf(peer);
    if (message.kind === 'closing') this.receiveClosing(peer, message.closing);
    else if (from !== undefined) this.#receive(message, from, peer);
  }

  /** Judges a certificate of the gossip topic. */
  gossip(foreign: Uint8Array): GossipVerdict {
    let certificate: Certificate;
    try {
      certificate = decode(certificateCodec, foreign, MAX_CONSENSUS_MESSAGE_BYTES);
    } catch {
      return 'reject';
    }
    const { core } = this.#options.driver;
    if (certificate.epoch !== core.config.anchor.epoch || certificate.view <= core.finalized.view) return 'ignore';
    const verdict = verifyCertificate(this.#verifier(), certificate);
    if (verdict.verdict === 'reject') return 'reject';
    this.#options.driver.push({ kind: 'certificate', certificate: verdict.value, from: undefined });
    return 'accept';
  }

  /** Takes certificates that a peer sent on request: those that are not held, up to the first that is false. */
  receiveCertificates(peer: PeerName, certificates: readonly Certificate[]): void {
    const { driver, epochs } = this.#options;
    const checked: Verified<Certificate>[] = [];
    for (const certificate of certificates) {
      if (findCertificate(driver.core, certificate.view, certificate.kind) !== undefined) continue;
      const verified = this.#accepted(peer, verifyCertificate(this.#verifier(), certificate));
      if (verified === undefined) break;
      checked.push(verified);
    }
    driver.push({ kind: 'certificates', certificates: checked, from: epochs.memberOf(peer) });
  }

  /** Takes blocks that a peer sent on request, with what makes the last of them final, if anything. */
  receiveBlocks(peer: PeerName, { blocks, following, finalization }: ReceivedBlocks): void {
    const { driver, bodies, epochs } = this.#options;
    const last = blocks.at(-1);
    const closes = last !== undefined && isClosing(last.header);
    const checked = blocks.flatMap((block) => {
      const verified = this.#accepted(peer, verifyBlock(this.#verifier(), block));
      if (verified === undefined) return [];
      const body = block.body === undefined ? 'absent' : bodies.offer(verified.id, block.header, block.body);
      return [Object.assign(verified, { body })];
    });
    const proof =
      finalization === undefined || closes
        ? undefined
        : this.#accepted(peer, verifyCertificate(this.#verifier(), finalization));
    driver.push({ kind: 'blocks', blocks: checked, finalization: proof, from: epochs.memberOf(peer) });
    if (closes && finalization !== undefined) this.receiveClosing(peer, { block: last, following, finalization });
  }

  /** Takes what ended this node's epoch, from a peer that is ahead. */
  receiveClosing(peer: PeerName, { block, following, finalization }: Closing): void {
    const { driver, epochs, network } = this.#options;
    const { anchor } = driver.core.config;
    const { header, system } = block;
    if (header.epoch !== anchor.epoch) return;
    const proof = verifyEpochProof(anchor, epochs.governance, { header, system, following, finalization });
    if (proof.verdict === 'invalid') return network.penalise(peer, 'invalid-signature');
    const checked = this.#accepted(peer, verifyBlock(this.#verifier(), block));
    if (checked === undefined) return;
    const proven = finalization as Verified<Certificate>;
    driver.push({ kind: 'closing', block: checked, following, finalization: proven, from: epochs.memberOf(peer) });
  }

  #receive(
    message: Exclude<ConsensusMessage, { kind: 'closing' | 'presence' }>,
    from: MemberIndex,
    peer: PeerName,
  ): void {
    const { driver } = this.#options;
    const verifier = this.#verifier();
    switch (message.kind) {
      case 'vote': {
        // Our own vote matters in any view: see `consensus/key-safety.ts`.
        const { view, signer } = message.vote;
        if (signer !== driver.core.config.self && !isRelevant(driver.core, view)) return;
        const vote = this.#accepted(peer, verifyVote(verifier, message.vote));
        if (vote !== undefined) driver.push({ kind: 'vote', vote, from });
        return;
      }
      case 'proposal':
        return this.#proposal(from, peer, message.proposal);
      case 'certificate': {
        if (message.certificate.view <= driver.core.finalized.view) return;
        const certificate = this.#accepted(peer, verifyCertificate(verifier, message.certificate));
        if (certificate !== undefined) driver.push({ kind: 'certificate', certificate, from });
        return;
      }
      case 'status': {
        const status = this.#accepted(peer, verifyStatus(verifier, message.status, from));
        if (status === undefined) return;
        driver.remind(from, status);
        driver.push({ kind: 'status', status, from });
        return;
      }
      case 'evidence': {
        const evidence = this.#accepted(peer, verifyEvidence(verifier, message.evidence));
        if (evidence !== undefined) driver.push({ kind: 'evidence', evidence });
        return;
      }
      default:
        return assertNever(message);
    }
  }

  #presence(peer: PeerName, told: Presence): void {
    const { presence } = this.#options;
    if (presence.isIdle(peer, told)) return;
    const heard = this.#accepted(peer, verifyPresence(this.#verifier(), told));
    if (heard !== undefined) presence.receive(peer, heard);
  }

  #proposal(from: MemberIndex, peer: PeerName, proposal: Proposal): void {
    const { driver, bodies, mempool, onResultCertificate, onMissingTransactions } = this.#options;
    const { header } = proposal;
    if (!isRelevant(driver.core, header.view)) return;
    const checked = this.#accepted(peer, verifyProposal(this.#verifier(), proposal));
    if (checked === undefined) return;
    if (proposal.resultCertificate !== undefined) onResultCertificate(proposal.resultCertificate, peer);
    const block = blockId(header);
    const body = bodies.resolve(block, header, proposal.body, (id) => mempool.get(id)?.envelope);
    driver.push({ kind: 'proposal', proposal: checked, body, from });
    if (body === 'absent') {
      const missing = bodies.missing(block);
      if (missing.length > 0) onMissingTransactions(proposal, missing, peer);
    }
    driver.tellMempool();
  }

  /** What checks need, of the epoch that the core is in now. */
  #verifier(): Verifier {
    const { core } = this.#options.driver;
    return { set: core.config.anchor, verifySignature: this.#verifySignature, state: core };
  }

  #decode(peer: PeerName, foreign: Uint8Array): ConsensusMessage | undefined {
    try {
      return decode(consensusMessageCodec, foreign, MAX_CONSENSUS_MESSAGE_BYTES);
    } catch {
      this.#options.network.penalise(peer, 'malformed-message');
      return undefined;
    }
  }

  #accepted<T>(peer: PeerName, verdict: Verdict<T>): Extract<Verdict<T>, { verdict: 'accept' }>['value'] | undefined {
    if (verdict.verdict === 'accept') return verdict.value;
    // An answer that was asked for in an earlier epoch is late, not false; another epoch has other keys.
    if (verdict.code === 'WRONG_EPOCH') return undefined;
    const penalty: PenaltyCode =
      verdict.code === 'BAD_SIGNATURE' || verdict.code === 'BAD_CERTIFICATE' ? 'invalid-signature' : 'invalid-message';
    this.#options.network.penalise(peer, penalty);
    return undefined;
  }
}
