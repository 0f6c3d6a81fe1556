/**
 * The pull side of agreement: asks peers for what the core misses, and answers peers from the core and the ledger.
 *
 * Answers are as untrusted as pushes: they pass the same checks. One question a peer and subject is open at a time; the
 * core repeats to other peers what stays missing.
 */
import { assertNever, type BlockHash, type Hash, type ValidatorIndex } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { BlockWithBody, Proposal } from '../protocol/consensus/block.ts';
import type { BlockBody } from '../protocol/consensus/body.ts';
import { blockId, type Header } from '../protocol/consensus/header.ts';
import {
  type ConsensusRequest,
  consensusRequestCodec,
  type ConsensusResponse,
  consensusResponseCodec,
  MAX_BLOCKS_PER_RESPONSE,
  MAX_CONSENSUS_RESPONSE_BYTES,
  MAX_RESPONSE_BODY_BYTES,
} from '../protocol/consensus/request.ts';
import { verifyCertificate } from '../consensus/verify.ts';
import { verifyEd25519 } from '../protocol/finality.ts';
import { transactionId } from '../protocol/transaction-id.ts';
import type { Effect } from '../consensus/effect.ts';
import { findBlock, findCertificate } from '../consensus/query.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { BodyStore } from './body-store.ts';
import type { ConsensusDriver, DriverRequests } from './consensus-driver.ts';
import type { ConsensusInbox } from './consensus-inbox.ts';
import type { Execution } from './execution.ts';
import type { Logger } from './logger.ts';
import type { PeerNetwork } from './network/network.ts';
import { readBlockRange, readProvenBlock } from './stored-blocks.ts';

/** Request method of agreement on the request streams. */
export const CONSENSUS_METHOD = 'consensus';

const TIMEOUT_MS = 5_000;
const MAX_REQUEST_BYTES = 64 * 1024;

/** What the pull side is made with. */
export interface ConsensusRequestsOptions {
  readonly driver: ConsensusDriver;
  readonly inbox: ConsensusInbox;
  readonly network: PeerNetwork;
  readonly bodies: BodyStore;
  readonly ledger: Ledger;
  readonly execution: Execution;
  readonly logger: Logger;
  readonly onResultCertificate: (encoded: Uint8Array, from: ValidatorIndex) => void;
}

/** See the module comment. */
export class ConsensusRequests implements DriverRequests {
  readonly #options: ConsensusRequestsOptions;
  readonly #open = new Set<string>();

  constructor(options: ConsensusRequestsOptions) {
    this.#options = options;
    options.network.handleRequest(CONSENSUS_METHOD, async (_peer, bytes) =>
      encode(consensusResponseCodec, this.#answer(decode(consensusRequestCodec, bytes, MAX_REQUEST_BYTES))),
    );
  }

  /** Asks on behalf of the core. */
  ask({ to, request }: Extract<Effect, { kind: 'request' }>): void {
    this.#exchange(to, request);
  }

  /** Looks for a result certificate that a header names: here first, then at a peer. */
  askResultCertificate(certHash: Hash, from: ValidatorIndex): void {
    const { execution, onResultCertificate } = this.#options;
    const known = execution.resultCertificate(certHash);
    if (known === undefined) this.#exchange(from, { kind: 'getResultCertificate', certHash });
    else onResultCertificate(known, from);
  }

  /** Asks a proposer for the transactions of its block that are missing here. */
  askTransactions(proposal: Proposal, indexes: readonly number[], from: ValidatorIndex): void {
    this.#exchange(from, { kind: 'getTransactions', block: blockId(proposal.header), indexes });
  }

  #exchange(to: ValidatorIndex, request: ConsensusRequest): void {
    const key = `${to} ${JSON.stringify(request)}`;
    if (to === this.#options.driver.core.config.self || this.#open.has(key)) return;
    this.#open.add(key);
    this.#options.network
      .request(to, CONSENSUS_METHOD, encode(consensusRequestCodec, request), {
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: MAX_CONSENSUS_RESPONSE_BYTES,
      })
      .then((bytes) => this.#take(to, request, decode(consensusResponseCodec, bytes, MAX_CONSENSUS_RESPONSE_BYTES)))
      .catch((error: unknown) =>
        this.#options.logger.debug({ err: error, peer: to, request: request.kind }, 'request failed'),
      )
      .finally(() => this.#open.delete(key));
  }

  #take(from: ValidatorIndex, request: ConsensusRequest, response: ConsensusResponse): void {
    const { inbox, driver, onResultCertificate } = this.#options;
    switch (response.kind) {
      case 'certificate': {
        if (response.certificate === undefined) return;
        const verifier = { set: driver.core.config.anchor, verifySignature: verifyEd25519, state: driver.core };
        const verdict = verifyCertificate(verifier, response.certificate);
        if (verdict.verdict === 'accept') driver.push({ kind: 'certificate', certificate: verdict.value, from });
        return;
      }
      case 'header':
        return response.block === undefined ? undefined : inbox.receiveBlocks(from, [response.block], undefined);
      case 'blocks':
        return inbox.receiveBlocks(from, response.blocks, response.finalization);
      case 'body':
        if (request.kind === 'getBody' && response.body !== undefined) this.#takeBody(request.block, response.body);
        return;
      case 'transactions':
        if (request.kind === 'getTransactions') this.takeTransactions(response.envelopes);
        return;
      case 'resultCertificate':
        return response.certificate === undefined ? undefined : onResultCertificate(response.certificate, from);
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

  #answer(request: ConsensusRequest): ConsensusResponse {
    const { driver, ledger, execution } = this.#options;
    switch (request.kind) {
      case 'getCertificate':
        return { kind: 'certificate', certificate: findCertificate(driver.core, request.view, request.certificate) };
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
        return { kind: 'resultCertificate', certificate: execution.resultCertificate(request.certHash) };
      default:
        return assertNever(request);
    }
  }

  /** A block that the core, execution or the ledger knows, with its body where it is here. */
  #find(block: BlockHash): BlockWithBody | undefined {
    const { driver, bodies, ledger, execution } = this.#options;
    const open = findBlock(driver.core, block);
    if (open !== undefined)
      return withBody(open, bodies.get(block, open.header)?.body ?? execution.waitingBlock(block)?.body);
    const height = ledger.heightOfBlock(block);
    if (height === undefined) return execution.waitingBlock(block);
    return readProvenBlock(ledger, height);
  }
}

const withBody = (
  block: { readonly header: Header; readonly justification: BlockWithBody['justification'] },
  body: BlockBody | undefined,
): BlockWithBody => ({
  header: block.header,
  justification: block.justification,
  body,
});
