/** What the route files share: the service, the bounds, and an abort signal per request. */
import type { FastifyReply } from 'fastify';
import type { ChainId } from '../../protocol/brand.ts';
import type { ApiService } from './service.ts';

/** Bounds of the client API; local, to protect the node. */
export interface ApiLimits {
  /** Most requests of one address in progress; waiting submissions count. */
  readonly requestsPerAddress: number;
  /** Most open connections. */
  readonly connections: number;
  /** Most block streams of one address. */
  readonly streamsPerAddress: number;
  /** Time for a request to arrive completely, ms. */
  readonly requestTimeoutMs: number;
  /** How long a stream's client may leave its buffer full, ms. */
  readonly drainDeadlineMs: number;
  /** Interval of comments on an idle stream, ms. */
  readonly keepAliveMs: number;
}

/** Bounds that suit one machine: a wallet uses a handful of requests, a load generator some dozens. */
export const defaultApiLimits: ApiLimits = {
  requestsPerAddress: 512,
  connections: 2048,
  streamsPerAddress: 32,
  requestTimeoutMs: 30_000,
  drainDeadlineMs: 10_000,
  keepAliveMs: 15_000,
};

/** Given to each route file. */
export interface RouteContext {
  readonly service: ApiService;
  readonly chainId: ChainId;
  readonly limits: ApiLimits;
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
}

/** A signal that aborts when the client is gone or the server closes. */
export const requestSignal = (context: RouteContext, reply: FastifyReply): AbortSignal => {
  const gone = new AbortController();
  const abort = (): void => gone.abort();
  context.closing.addEventListener('abort', abort);
  reply.raw.once('close', () => {
    context.closing.removeEventListener('abort', abort);
    abort();
  });
  if (context.closing.aborted) abort();
  return gone.signal;
};
