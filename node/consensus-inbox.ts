/**
 * What peers say about agreement: decoded, verified, and only then handed to the core.
 *
 * Votes and proposals outside the core's window are dropped before their signatures are checked. Whatever fails its
 * checks costs its sender; the transport has authenticated who that is.
 */
import type { ValidatorIndex } from '../protocol/brand.ts';
import { assertNever } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import type { BlockWithBody, Proposal } from '../protocol/consensus/block.ts';
import { certificateCodec } from '../protocol/consensus/certificate.ts';
import { blockId } from '../protocol/consensus/header.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../protocol/consensus/message.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { verifyEd25519 } from '../protocol/finality.ts';
import { MAX_CONSENSUS_MESSAGE_BYTES } from '../protocol/limits.ts';
import { isRelevant } from '../consensus/query.ts';
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
import type { Mempool } from './mempool.ts';
import type { PeerNetwork } from './network/network.ts';
import type { GossipVerdict, PenaltyCode } from './network/types.ts';
import type { PresenceBook } from './presence.ts';
import { rememberingVerifier } from './signature-memory.ts';

/** A view has a few signatures a validator; a generation covers the open views of a hundred validators. */
const REMEMBERED_SIGNATURES = 4_096;

/** What the inbox is made with. */
export interface ConsensusInboxOptions {
  readonly driver: ConsensusDriver;
  readonly network: PeerNetwork;
  readonly presence: PresenceBook;
  readonly bodies: BodyStore;
  readonly mempool: Mempool;
  /** Takes the result certificate that came with a proposal. */
  readonly onResultCertificate: (encoded: Uint8Array, from: ValidatorIndex) => void;
  /** Asks the proposer for transactions of its block that are missing here. */
  readonly onMissingTransactions: (proposal: Proposal, indexes: readonly number[], from: ValidatorIndex) => void;
}

/** See the module comment. */
export class ConsensusInbox {
  readonly #options: ConsensusInboxOptions;
  readonly #verifier: Verifier;

  constructor(options: ConsensusInboxOptions) {
    this.#options = options;
    const { core } = options.driver;
    this.#verifier = {
      set: core.config.anchor,
      verifySignature: rememberingVerifier(verifyEd25519, REMEMBERED_SIGNATURES),
      state: core,
    };
  }

  /** Takes a message of the consensus channel. */
  receive(from: ValidatorIndex, foreign: Uint8Array): void {
    const message = this.#decode(from, foreign);
    if (message === undefined) return;
    const { driver, presence } = this.#options;
    switch (message.kind) {
      case 'vote': {
        // Our own vote matters in any view: see `consensus/key-safety.ts`.
        const { view, signer } = message.vote;
        if (signer !== driver.core.config.self && !isRelevant(driver.core, view)) return;
        const vote = this.#accepted(from, verifyVote(this.#verifier, message.vote));
        if (vote !== undefined) driver.push({ kind: 'vote', vote, from });
        return;
      }
      case 'proposal':
        return this.#proposal(from, message.proposal);
      case 'certificate': {
        if (message.certificate.view <= driver.core.finalized.view) return;
        const certificate = this.#accepted(from, verifyCertificate(this.#verifier, message.certificate));
        if (certificate !== undefined) driver.push({ kind: 'certificate', certificate, from });
        return;
      }
      case 'status': {
        const status = this.#accepted(from, verifyStatus(this.#verifier, message.status, from));
        if (status === undefined) return;
        driver.remind(from, status.votes);
        driver.push({ kind: 'status', status, from });
        return;
      }
      case 'evidence': {
        const evidence = this.#accepted(from, verifyEvidence(this.#verifier, message.evidence));
        if (evidence !== undefined) driver.push({ kind: 'evidence', evidence });
        return;
      }
      case 'presence': {
        if (presence.isIdle(from, message.presence)) return;
        const heard = this.#accepted(from, verifyPresence(this.#verifier, message.presence));
        if (heard !== undefined) presence.receive(from, heard);
        return;
      }
      default:
        return assertNever(message);
    }
  }

  /** Judges a certificate of the gossip topic. */
  gossip(foreign: Uint8Array): GossipVerdict {
    let certificate: Certificate;
    try {
      certificate = decode(certificateCodec, foreign, MAX_CONSENSUS_MESSAGE_BYTES);
    } catch {
      return 'reject';
    }
    const { driver } = this.#options;
    if (certificate.view <= driver.core.finalized.view) return 'ignore';
    const verdict = verifyCertificate(this.#verifier, certificate);
    if (verdict.verdict === 'reject') return 'reject';
    driver.push({ kind: 'certificate', certificate: verdict.value, from: undefined });
    return 'accept';
  }

  /** Takes blocks that a peer sent on request, with the finalization of the last, if any. */
  receiveBlocks(from: ValidatorIndex, blocks: readonly BlockWithBody[], finalization: Certificate | undefined): void {
    const { driver, bodies } = this.#options;
    const checked = blocks.flatMap((block) => {
      const verified = this.#accepted(from, verifyBlock(block));
      if (verified === undefined) return [];
      const body = block.body === undefined ? 'absent' : bodies.offer(verified.id, block.header, block.body);
      return [Object.assign(verified, { body })];
    });
    const proof =
      finalization === undefined ? undefined : this.#accepted(from, verifyCertificate(this.#verifier, finalization));
    driver.push({ kind: 'blocks', blocks: checked, finalization: proof, from });
  }

  #proposal(from: ValidatorIndex, proposal: Proposal): void {
    const { driver, bodies, mempool, onResultCertificate, onMissingTransactions } = this.#options;
    const { header } = proposal;
    if (!isRelevant(driver.core, header.view)) return;
    const checked = this.#accepted(from, verifyProposal(this.#verifier, proposal));
    if (checked === undefined) return;
    if (proposal.resultCertificate !== undefined) onResultCertificate(proposal.resultCertificate, from);
    const block = blockId(header);
    const body = bodies.resolve(block, header, proposal.body, (id) => mempool.get(id)?.envelope);
    driver.push({ kind: 'proposal', proposal: checked, body, from });
    if (body === 'absent') {
      const missing = bodies.missing(block);
      if (missing.length > 0) onMissingTransactions(proposal, missing, from);
    }
    driver.tellMempool();
  }

  #decode(from: ValidatorIndex, foreign: Uint8Array): ConsensusMessage | undefined {
    try {
      return decode(consensusMessageCodec, foreign, MAX_CONSENSUS_MESSAGE_BYTES);
    } catch {
      this.#options.network.penalise(from, 'malformed-message');
      return undefined;
    }
  }

  #accepted<T>(
    from: ValidatorIndex,
    verdict: Verdict<T>,
  ): Extract<Verdict<T>, { verdict: 'accept' }>['value'] | undefined {
    if (verdict.verdict === 'accept') return verdict.value;
    const penalty: PenaltyCode =
      verdict.code === 'BAD_SIGNATURE' || verdict.code === 'BAD_CERTIFICATE' ? 'invalid-signature' : 'invalid-message';
    this.#options.network.penalise(from, penalty);
    return undefined;
  }
}
