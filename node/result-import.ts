/**
 * Executed heights from other nodes, for whoever does not execute them itself: an observer, or a validator that was away
 * for long. Nothing is believed: a height counts once its certificate, its receipts and every sealed output fit the final
 * block that this node holds. Memory: one answer, or one large height.
 */
import { decode, encode } from '../protocol/codec.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { concatBytes } from '../protocol/hex.ts';
import { height as asHeight } from '../protocol/brand.ts';
import type { Ledger } from '../ledger/ledger.ts';
import {
  decodeExecutedHeight,
  encodeExecutedHeight,
  type ExecutedHeight,
  executedHeightFault,
  MAX_EXECUTED_HEIGHT_BYTES,
} from './executed-height.ts';
import type { Epochs } from './epochs.ts';
import type { Logger } from './logger.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import {
  MAX_EXECUTED_BYTES_PER_RESPONSE,
  MAX_EXECUTED_PER_RESPONSE,
  MAX_PEER_RESPONSE_BYTES,
  PEER_METHOD,
  type PeerRequest,
  peerRequestCodec,
  type PeerResponse,
  peerResponseCodec,
} from './peer-messages.ts';
import type { StoredBlock } from './stored-blocks.ts';

type Executed = Extract<PeerResponse, { kind: 'executed' }>;

const TIMEOUT_MS = 15_000;

/** What the import is made with. */
export interface ResultImportOptions {
  readonly genesis: Pick<Genesis, 'measurement' | 'platform'>;
  readonly epochs: Epochs;
  readonly network: PeerNetwork;
  readonly logger: Logger;
}

/** See the module comment. */
export class ResultImport {
  readonly #options: ResultImportOptions;
  #turn = 0;

  constructor(options: ResultImportOptions) {
    this.#options = options;
  }

  /** Executed heights of consecutive final blocks, as many as one peer gave and as hold; empty when none had the first. */
  async fetch(blocks: readonly StoredBlock[]): Promise<readonly ExecutedHeight[]> {
    const peers = this.#options.network.connectedPeers();
    for (let tries = 0; tries < peers.length; tries += 1) {
      this.#turn += 1;
      const peer = peers[this.#turn % peers.length];
      if (peer === undefined) break;
      const found = await this.#fetchFrom(peer, blocks).catch((error: unknown) => {
        this.#options.logger.debug({ err: error, peer }, 'executed heights not fetched');
        return [];
      });
      if (found.length > 0) return found;
    }
    return [];
  }

  async #fetchFrom(peer: PeerName, blocks: readonly StoredBlock[]): Promise<readonly ExecutedHeight[]> {
    const [first] = blocks;
    const last = blocks.slice(0, MAX_EXECUTED_PER_RESPONSE).at(-1);
    if (first === undefined || last === undefined) return [];
    const answer = await this.#ask(peer, first.header.height, last.header.height, 0);
    const [start] = answer.heights;
    const encoded =
      start !== undefined && start.length < answer.total
        ? [await this.#rest(peer, first.header.height, start, answer.total)]
        : answer.heights;
    const sound: ExecutedHeight[] = [];
    for (const [index, foreign] of encoded.entries()) {
      const block = blocks[index];
      const executed = decodeExecutedHeight(foreign);
      if (block === undefined) break;
      const fault = executed === undefined ? 'is malformed' : this.#fault(executed, block);
      if (executed === undefined || fault !== undefined) {
        this.#options.logger.warn({ peer, height: block.header.height, fault }, 'a peer gave a false executed height');
        this.#options.network.penalise(peer, 'invalid-message');
        break;
      }
      sound.push(executed);
    }
    return sound;
  }

  #fault(executed: ExecutedHeight, { header }: StoredBlock): string | undefined {
    const { genesis, epochs } = this.#options;
    const { signerEpoch } = executed.certificate;
    const signers = epochs.resultSigners(header.epoch).find(({ set }) => set.epoch === signerEpoch);
    return executedHeightFault(executed, header, genesis, signers?.set);
  }

  /** The rest of a height that is larger than one answer. */
  async #rest(peer: PeerName, height: number, start: Uint8Array, total: number): Promise<Uint8Array> {
    if (total > MAX_EXECUTED_HEIGHT_BYTES) throw new RangeError('an executed height beyond the bound');
    const pieces = [start];
    for (let offset = start.length; offset < total; ) {
      const { heights } = await this.#ask(peer, height, height, offset);
      const piece = heights[0];
      if (piece === undefined || piece.length === 0) throw new RangeError('an executed height that ends early');
      pieces.push(piece);
      offset += piece.length;
    }
    return concatBytes(...pieces);
  }

  async #ask(peer: PeerName, from: number, to: number, offset: number): Promise<Executed> {
    const request: PeerRequest = { kind: 'executed', from: asHeight(from), to: asHeight(to), offset };
    const bytes = await this.#options.network.request(peer, PEER_METHOD, encode(peerRequestCodec, request), {
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_PEER_RESPONSE_BYTES,
    });
    const response = decode(peerResponseCodec, bytes, MAX_PEER_RESPONSE_BYTES);
    return response.kind === 'executed' ? response : { kind: 'executed', heights: [], total: 0 };
  }
}

/** Answers a peer: consecutive heights within the bounds of an answer, or a piece of a larger one. */
export const answerExecuted = (ledger: Ledger, from: number, to: number, offset: number): Executed => {
  const heights: Uint8Array[] = [];
  let bytes = 0;
  for (let number = from; number <= to && heights.length < MAX_EXECUTED_PER_RESPONSE; number += 1) {
    const encoded = encodeExecutedHeight(ledger, number);
    if (encoded === undefined) break;
    if (heights.length === 0 && (offset > 0 || encoded.length > MAX_EXECUTED_BYTES_PER_RESPONSE)) {
      const piece = encoded.subarray(offset, offset + MAX_EXECUTED_BYTES_PER_RESPONSE);
      return { kind: 'executed', heights: [piece], total: encoded.length };
    }
    bytes += encoded.length;
    if (bytes > MAX_EXECUTED_BYTES_PER_RESPONSE) break;
    heights.push(encoded);
  }
  return { kind: 'executed', heights, total: heights[0]?.length ?? 0 };
};
