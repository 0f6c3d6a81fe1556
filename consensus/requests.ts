/** Pulling what is missing: one open request an item, another peer every repair interval, the recently heard first. */
import { assertNever, type BlockHash, type Hash, type Height, type MemberIndex, type View } from '../protocol/brand.ts';
import type { ViewRange } from '../protocol/consensus/justification.ts';
import {
  type ConsensusRequest,
  MAX_BLOCKS_PER_RESPONSE,
  MAX_VIEWS_PER_RESPONSE,
} from '../protocol/consensus/request.ts';
import { STATUS_PERIOD_MS } from './constants.ts';
import type { CoreState } from './state.ts';
import { repairMs } from './timer.ts';
import type { Turn } from './turn.ts';

/** Age at which a request that is not renewed is forgotten. */
const STALE_REQUEST_MS = 60_000;

const choosePeer = (state: CoreState, preferred: number, attempt: number, nowMs: number): MemberIndex | undefined => {
  let fallback: MemberIndex | undefined;
  const members = state.heardAtMs.length;
  for (let i = 0; i < members; i += 1) {
    const peer = ((preferred + attempt + i) % members) as MemberIndex;
    if (peer === state.config.self) continue;
    if (nowMs - (state.heardAtMs[peer] ?? 0) <= 2 * STATUS_PERIOD_MS) return peer;
    fallback ??= peer;
  }
  return fallback;
};

const ask = (turn: Turn, key: string, preferred: number, request: ConsensusRequest): void => {
  const { state, now } = turn;
  const open = state.requests.get(key);
  if (open !== undefined && now.monotonicMs - open.lastAtMs < repairMs(state)) return;
  const attempts = open === undefined ? 0 : open.attempts + 1;
  state.requests.set(key, { attempts, lastAtMs: now.monotonicMs });
  const to = choosePeer(state, preferred, attempts, now.monotonicMs);
  if (to !== undefined) turn.effects.push({ kind: 'request', to, request });
};

/** Key of an open request for a header. */
export const headerKey = (block: BlockHash): string => `h${block}`;
const bodyKey = (block: BlockHash): string => `b${block}`;
const blocksKey = (from: Height): string => `c${from}`;
/** Key of an open request for a result certificate. */
export const resultKey = (certHash: Hash): string => `s${certHash}`;

/** Asks for a header and its justification. */
export const askHeader = (turn: Turn, block: BlockHash, preferred: number): void =>
  ask(turn, headerKey(block), preferred, { kind: 'getHeader', block });

/** Asks for the finalised blocks after our own. */
export const askBlocks = (turn: Turn, preferred: number): void => {
  const from = (turn.state.finalized.height + 1) as Height;
  const to = (from + MAX_BLOCKS_PER_RESPONSE - 1) as Height;
  ask(turn, blocksKey(from), turn.state.helper ?? preferred, { kind: 'getBlocks', from, to });
};

/** Certificates are pulled by one question at a time, each put to the next peer: none of them can hold up the rest. */
const CERTIFICATES = 'v';

/** Asks for the certificates of views, as many as one answer may be about. */
export const askCertificates = (turn: Turn, { from, to }: ViewRange, preferred: number): void => {
  const { epoch } = turn.state.config.anchor;
  const last = Math.min(to, from + MAX_VIEWS_PER_RESPONSE - 1) as View;
  ask(turn, CERTIFICATES, preferred, { kind: 'getCertificates', epoch, from, to: last });
};

const due = (state: CoreState, key: string | undefined): void => {
  const open = key === undefined ? undefined : state.requests.get(key);
  if (open !== undefined) open.lastAtMs = Number.NEGATIVE_INFINITY;
};

/** Some of the certificates came: the next question need not wait. */
export const continueCertificates = (state: CoreState): void => due(state, CERTIFICATES);

/** A peer was silent: the next one is asked as soon as the core wants it again. */
export const renewRequest = (state: CoreState, request: ConsensusRequest): void => due(state, keyOf(request));

/** Under which key the core keeps a request; undefined for those that are the driver's own. */
const keyOf = (request: ConsensusRequest): string | undefined => {
  switch (request.kind) {
    case 'getHeader':
      return headerKey(request.block);
    case 'getBody':
      return bodyKey(request.block);
    case 'getBlocks':
      return blocksKey(request.from);
    case 'getCertificates':
      return CERTIFICATES;
    case 'getResultCertificate':
      return resultKey(request.certHash);
    case 'getTransactions':
    case 'getClosing':
      return undefined;
    default:
      return assertNever(request);
  }
};

/** Asks for every body that is missing. */
export const askBodies = (turn: Turn): void => {
  for (const id of turn.state.missingBodies) {
    const block = turn.state.blocks.get(id);
    if (block !== undefined) ask(turn, bodyKey(id), block.header.proposer, { kind: 'getBody', block: id });
  }
};

/** Treats a body as asked for just now: the driver resolves a fresh proposal's body on its own. */
export const deferBodyRequest = (turn: Turn, block: BlockHash): void => {
  turn.state.requests.set(bodyKey(block), { attempts: 0, lastAtMs: turn.now.monotonicMs });
};

/** Whether a header was asked for. */
export const headerWanted = (state: CoreState, block: BlockHash): boolean => state.requests.has(headerKey(block));

/** Ends the requests for a block's header and body as far as they are answered. */
export const closeRequests = (state: CoreState, block: BlockHash, body: boolean): void => {
  state.requests.delete(headerKey(block));
  if (body) state.requests.delete(bodyKey(block));
};

/** Forgets requests that nobody has renewed for a while. */
export const pruneRequests = (turn: Turn): void => {
  for (const [key, open] of turn.state.requests) {
    if (turn.now.monotonicMs - open.lastAtMs > STALE_REQUEST_MS) turn.state.requests.delete(key);
  }
};
