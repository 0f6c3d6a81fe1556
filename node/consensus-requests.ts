/**
 * The pull side of agreement: asks peers for what the core misses, and answers peers from the core and the ledger.
 *
 * Answers are as untrusted as pushes: they pass the same checks. One question a peer and subject is open at a time; the
 * core repeats to other peers what stays missing, at once when a peer is silent for too long. Whoever is connected may be asked: a node that was away for long may
 * know no member of the present epoch.
 */
import { assertNever, type BlockHash, type Hash, type MemberIndex } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { Block, BlockWithBody, Proposal } from '../protocol/consensus/block.ts';
import type { BlockBody } from '../protocol/consensus/body.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { blockId } from '../protocol/consensus/header.ts';
import type { ViewRange } from '../protocol/consensus/justification.ts';
import { consensusMessageCodec } from '../protocol/consensus/message.ts';
import {
  type ConsensusRequest,
  consensusRequestCodec,
  type ConsensusResponse,
  consensusResponseCodec,
  MAX_BLOCKS_PER_RESPONSE,
  MAX_CONSENSUS_RESPONSE_BYTES,
  MAX_RESPONSE_BODY_BYTES,
  MAX_RESPONSE_CERTIFICATE_BYTES,
} from '../protocol/consensus/request.ts';
import { transactionId } from '../protocol/transaction-id.ts';
import type { Effect } from '../consensus/effect.ts';
import { certificatesOf, findBlock } from '../consensus/query.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { BodyStore } from './body-store.ts';
import type { CertifiedResults } from './certified-results.ts';
import type { ConsensusDriver, DriverRequests } from './consensus-driver.ts';
import type { ConsensusInbox } from './consensus-inbox.ts';
import type { Epochs } from './epochs.ts';
import type { FinalBlocks } from './final-blocks.ts';
import type { Logger } from './logger.ts';
import type { Patience } from './patience.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import { readBlockRange, readNullifications, readStoredBlock } from './stored-blocks.ts';

/** Request method of agreement on the request streams. */
export const CONSENSUS_METHOD = 'consensus';

const MAX_REQUEST_BYTES = 64 * 1024;
/** Shortest time between two proofs of an old epoch to one peer. */
const HELP_EVERY_MS = 250;

/** What the pull side is made with. */
export interface ConsensusRequestsOptions {
  readonly driver: ConsensusDriver;
  readonly inbox: ConsensusInbox;
  readonly epochs: Epochs;
  readonly network: PeerNetwork;
  readonly bodies: BodyStore;
  readonly ledger: Ledger;
  readonly blocks: FinalBlocks;
  readonly certified: CertifiedResults;
  readonly patience: Patience;
  readonly logger: Logger;
  readonly onResultCertificate: (encoded: Uint8Array, from: PeerName) => void;
}

/** See the module comment. */
export class ConsensusRequests implements DriverRequests {
  readonly #options: ConsensusRequestsOptions;
  readonly #open = new Set<string>();
  readonly #helpedMs = new Map<PeerName, number>();
  #turn = 0;

  constructor(options: ConsensusRequestsOptions) {
    this.#options = options;
    options.network.handleRequest(CONSENSUS_METHOD, async (_peer, bytes) =>
      encode(consensusResponseCodec, this.#answer(decode(consensusRequestCodec, bytes, MAX_REQUEST_BYTES))),
    );
  }

  /** Asks on behalf of the core. */
  ask({ to, request }: Extract<Effect, { kind: 'request' }>): void {
    const peer = this.#reachable(to);
    if (peer !== undefined) this.#exchange(peer, request);
  }

  /** Looks for a result certificate that a header names: here first, then at a peer. */
  askResultCertificate(certHash: Hash, from: MemberIndex): void {
    const { certified, onResultCertificate } = this.#options;
    const known = certified.byHash(certHash);
    const peer = this.#reachable(from);
    if (peer === undefined) return;
    if (known === undefined) this.#exchange(peer, { kind: 'getResultCertificate', certHash });
    else onResultCertificate(known, peer);
  }

  /** Asks a proposer for the transactions of its block that are missing here. */
  askTransactions(proposal: Proposal, indexes: readonly number[], from: PeerName): void {
    this.#exchange(from, { kind: 'getTransactions', block: blockId(proposal.header), indexes });
  }

  /** R12: a peer is in a newer epoch; asks it for what ended ours. */
  askClosing(peer: PeerName): void {
    const { epoch } = this.#options.driver.core.config.anchor;
    this.#exchange(peer, { kind: 'getClosing', epoch });
  }

  /** R12: a peer is in an older epoch; tells it what ended that one. */
  tellClosing(epoch: number, peer: PeerName): void {
    const nowMs = performance.now();
    if (nowMs - (this.#helpedMs.get(peer) ?? Number.NEGATIVE_INFINITY) < HELP_EVERY_MS) return;
    const closing = this.#options.epochs.closingOf(epoch);
    if (closing === undefined) return;
    this.#helpedMs.set(peer, nowMs);
    this.#options.network.send(peer, 'consensus', encode(consensusMessageCodec, { kind: 'closing', closing }));
  }

  /** Transactions arrived, on request or by dissemination: completes the bodies that waited for them. */
  takeTransactions(envelopes: readonly Uint8Array[]): void {
    const { driver, bodies } = this.#options;
    if (!bodies.isIncomplete) return;
    for (const envelope of envelopes) {
      for (const { block, status } of bodies.arrived(transactionId(envelope), envelope)) {
        if (status !== 'absent') driver.push({ kind: 'body', block, body: status });
      }
    }
  }

  /** The machine of a member, or another one in turn where that is not connected. */
  #reachable(member: MemberIndex): PeerName | undefined {
    const connected = this.#options.network.connectedPeers();
    const peer = this.#options.epochs.peerOf(member);
    if (peer !== undefined && connected.includes(peer)) return peer;
    this.#turn += 1;
    return connected[this.#turn % Math.max(1, connected.length)];
  }

  #exchange(to: PeerName, request: ConsensusRequest): void {
    const { network, patience, driver, logger } = this.#options;
    const key = `${to} ${JSON.stringify(request)}`;
    if (this.#open.has(key)) return;
    this.#open.add(key);
    const timeoutMs = patience.waitMs(to, request.kind);
    const askedMs = performance.now();
    network
      .request(to, CONSENSUS_METHOD, encode(consensusRequestCodec, request), {
        timeoutMs,
        maxResponseBytes: MAX_CONSENSUS_RESPONSE_BYTES,
      })
      .then((bytes) => {
        patience.answered(to, request.kind, performance.now() - askedMs);
        this.#take(to, request, decode(consensusResponseCodec, bytes, MAX_CONSENSUS_RESPONSE_BYTES));
      })
      .catch((error: unknown) => {
        logger.debug({ err: error, peer: to, request: request.kind }, 'request failed');
        if (performance.now() - askedMs < timeoutMs) return;
        patience.silent(to, request.kind);
        driver.push({ kind: 'unanswered', request });
      })
      .finally(() => this.#open.delete(key));
  }

  #take(from: PeerName, request: ConsensusRequest, response: ConsensusResponse): void {
    const { inbox, onResultCertificate } = this.#options;
    switch (response.kind) {
      case 'certificates':
        return inbox.receiveCertificates(from, response.certificates);
      case 'header': {
        const blocks = response.block === undefined ? [] : [response.block];
        return inbox.receiveBlocks(from, { blocks, following: [], finalization: undefined });
      }
      case 'blocks':
        return inbox.receiveBlocks(from, response);
      case 'body':
        if (request.kind === 'getBody' && response.body !== undefined) this.#takeBody(request.block, response.body);
        return;
      case 'transactions':
        if (request.kind === 'getTransactions') this.takeTransactions(response.envelopes);
        return;
      case 'resultCertificate':
        return response.certificate === undefined ? undefined : onResultCertificate(response.certificate, from);
      case 'closing':
        return response.closing === undefined ? undefined : inbox.receiveClosing(from, response.closing);
      default:
        return assertNever(response);
    }
  }

  #takeBody(block: BlockHash, body: BlockBody): void {
    const { driver, bodies } = this.#options;
    const known = findBlock(driver.core, block);
    if (known === undefined) return;
    const status = bodies.offer(block, known.header, body);
    if (status !== 'absent') driver.push({ kind: 'body', block, body: status });
  }

  #answer(request: ConsensusRequest): ConsensusResponse {
    const { epochs, ledger, certified } = this.#options;
    switch (request.kind) {
      case 'getCertificates':
        return { kind: 'certificates', certificates: this.#certificates(request.epoch, request) };
      case 'getHeader':
        return { kind: 'header', block: this.#find(request.block) };
      case 'getBody':
        return { kind: 'body', body: this.#find(request.block)?.body };
      case 'getTransactions': {
        const body = this.#find(request.block)?.body ?? [];
        return { kind: 'transactions', envelopes: request.indexes.flatMap((index) => body[index] ?? []) };
      }
      case 'getBlocks': {
        const { from, to } = request;
        const range = readBlockRange(ledger, {
          from,
          to,
          maxBlocks: MAX_BLOCKS_PER_RESPONSE,
          maxBodyBytes: MAX_RESPONSE_BODY_BYTES,
        });
        return { kind: 'blocks', ...range };
      }
      case 'getResultCertificate':
        return { kind: 'resultCertificate', certificate: certified.byHash(request.certHash) };
      case 'getClosing':
        return { kind: 'closing', closing: epochs.closingOf(request.epoch) };
      default:
        return assertNever(request);
    }
  }

  /** Certificates of views: open ones, else those below blocks on their way into the ledger, else those in it. */
  #certificates(epoch: number, range: ViewRange): readonly Certificate[] {
    const { driver, ledger, blocks } = this.#options;
    const sources = [
      () => (epoch === driver.core.config.anchor.epoch ? certificatesOf(driver.core, range) : []),
      () => blocks.nullifications(epoch, range),
      () => readNullifications(ledger, epoch, range),
    ];
    let found: Certificate[] = [];
    for (const source of sources) if (found.length === 0) found = firstOf(source(), MAX_RESPONSE_CERTIFICATE_BYTES);
    return found;
  }

  /** A block that the core, execution or the ledger knows, with its body where it is here. */
  #find(block: BlockHash): BlockWithBody | undefined {
    const { driver, bodies, ledger, blocks } = this.#options;
    const open = findBlock(driver.core, block);
    if (open !== undefined) return withBody(open, bodies.get(block, open.header)?.body ?? blocks.waiting(block)?.body);
    const height = ledger.heightOfBlock(block);
    const known = height === undefined ? blocks.waiting(block) : readStoredBlock(ledger, height);
    return known === undefined ? undefined : withBody(known, known.body);
  }
}

/** The first certificates that take no more bytes together; no more of them are read. */
const firstOf = (certificates: Iterable<Certificate>, maxBytes: number): Certificate[] => {
  const first: Certificate[] = [];
  let bytes = 0;
  for (const certificate of certificates) {
    bytes += certificate.bitmap.length + certificate.signatures.length;
    if (bytes > maxBytes) break;
    first.push(certificate);
  }
  return first;
};

const withBody = ({ header, justification, system }: Block, body: BlockBody | undefined): BlockWithBody => ({
  header,
  justification,
  system,
  body,
});
