/**
 * Requests and responses between validators, each on a stream of its own.
 *
 * Both sides have slots, not queues: a request beyond them fails at once, so that nobody waits behind a slow peer
 * unknowingly. Every request has a deadline on both sides; when it passes, the stream is reset and the slot is free.
 */
import type { Stream } from '@libp2p/interface';

import { isCloisterError } from '../../protocol/errors.ts';
import { networkErrors } from './errors.ts';
import type { NetworkLimits } from './limits.ts';
import type { NetworkInstruments } from './network-metrics.ts';
import type { PeerLink } from './peer-link.ts';
import type { ReadResult, WireResponse } from './request-wire.ts';
import {
  frameRequest,
  frameResponse,
  isRequestName,
  parseRequest,
  parseResponse,
  readFrame,
  REQUEST_OVERHEAD_BYTES,
  RESPONSE_OVERHEAD_BYTES,
  writeAndClose,
} from './request-wire.ts';
import type { RequestHandler, RequestOptions } from './types.ts';

/** What the service needs. */
export interface RequestContext {
  readonly limits: NetworkLimits['request'];
  readonly instruments: NetworkInstruments;
  readonly protocol: string;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
}

type Outcome = 'ok' | 'refused' | 'busy' | 'timeout' | 'failed';

/** Runs an action with a signal that fires at the deadline or with one of the given signals; leaves no timer behind. */
const withDeadline = async <Value>(
  timeoutMs: number,
  signals: readonly (AbortSignal | undefined)[],
  action: (signal: AbortSignal, timedOut: () => boolean) => Promise<Value>,
): Promise<Value> => {
  const controller = new AbortController();
  let expired = false;
  const timer = setTimeout(() => {
    expired = true;
    controller.abort();
  }, timeoutMs);
  const forward = (): void => controller.abort();
  const given = signals.filter((signal) => signal !== undefined);
  for (const signal of given) signal.addEventListener('abort', forward, { once: true });
  if (given.some((signal) => signal.aborted)) controller.abort();
  try {
    return await action(controller.signal, () => expired);
  } finally {
    clearTimeout(timer);
    for (const signal of given) signal.removeEventListener('abort', forward);
  }
};

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const fail = (): void => reject(new Error('deadline'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });

/** Asks peers and answers them. */
export class RequestService {
  readonly #context: RequestContext;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #running = new Set<Promise<void>>();

  constructor(context: RequestContext) {
    this.#context = context;
  }

  /** Answers a method from now on. */
  handle(method: string, handler: RequestHandler): void {
    if (!isRequestName(method) || this.#handlers.has(method)) throw new RangeError(`request method ${method}`);
    this.#handlers.set(method, handler);
  }

  /** Asks a peer. */
  async ask(link: PeerLink, method: string, payload: Uint8Array, options: RequestOptions): Promise<Uint8Array> {
    const { limits, instruments } = this.#context;
    if (payload.byteLength > limits.maxRequestBytes || !isRequestName(method)) {
      throw networkErrors.error('NETWORK_MESSAGE_TOO_LARGE', { method, sizeBytes: payload.byteLength });
    }
    if (link.asking >= limits.slots) {
      instruments.requests.with({ side: 'asked', outcome: 'busy' }).add();
      throw networkErrors.error('NETWORK_REQUEST_BUSY', { peer: link.peer, method });
    }
    link.asking += 1;
    let outcome: Outcome = 'failed';
    try {
      const timeoutMs = options.timeoutMs ?? limits.defaultTimeoutMs;
      return await withDeadline(timeoutMs, [options.signal, this.#context.signal], async (signal, timedOut) => {
        const result = await this.#exchange(link, frameRequest({ method, payload }), options, signal);
        outcome = result.kind === 'response' ? (result.response.kind === 'ok' ? 'ok' : 'refused') : 'failed';
        if (result.kind === 'response' && result.response.kind === 'ok') return result.response.payload;
        options.signal?.throwIfAborted();
        if (timedOut()) outcome = 'timeout';
        throw this.#failure(link, method, result, outcome);
      });
    } finally {
      link.asking -= 1;
      instruments.requests.with({ side: 'asked', outcome }).add();
    }
  }

  /** Serves a request stream that a peer opened. */
  accept(link: PeerLink, stream: Stream): void {
    if (link.isBanned() || this.#context.signal.aborted) {
      stream.abort(new Error('refused'));
      return;
    }
    const serving = this.#serve(link, stream).finally(() => this.#running.delete(serving));
    this.#running.add(serving);
  }

  /** Waits until no request is served any more. The signal of the context must be aborted before. */
  async stop(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async #exchange(link: PeerLink, frame: Uint8Array, options: RequestOptions, signal: AbortSignal): Promise<Exchange> {
    const connection = link.connection;
    if (connection === undefined || link.isBanned() || signal.aborted) return { kind: 'unreachable' };
    const maxBytes = Math.min(options.maxResponseBytes ?? Infinity, this.#context.limits.maxResponseBytes);
    let stream: Stream | undefined;
    try {
      stream = await connection.newStream(this.#context.protocol, {
        signal,
        maxOutboundStreams: this.#context.limits.slots * 2,
      });
      const opened = stream;
      signal.addEventListener('abort', () => opened.abort(new Error('deadline')), { once: true });
      const reading = readFrame(stream, maxBytes + RESPONSE_OVERHEAD_BYTES, (bytes) => link.onStreamBytes(bytes));
      await writeAndClose(stream, frame, signal);
      return this.#judge(link, await reading);
    } catch {
      return { kind: 'unreachable' };
    } finally {
      if (stream !== undefined && stream.remoteWriteStatus !== 'closed') stream.abort(new Error('request over'));
    }
  }

  #judge(link: PeerLink, read: ReadResult): Exchange {
    if (read.kind === 'oversize') return { kind: 'oversize' };
    const response = read.kind === 'frame' ? parseResponse(read.message) : undefined;
    if (response !== undefined) return { kind: 'response', response };
    if (read.kind !== 'closed') link.penalise('response-malformed');
    return { kind: 'unreachable' };
  }

  #failure(link: PeerLink, method: string, result: Exchange, outcome: Outcome): Error {
    const data = { peer: link.peer, method };
    if (outcome === 'timeout') return networkErrors.error('NETWORK_REQUEST_TIMEOUT', data);
    if (this.#context.signal.aborted) return networkErrors.error('NETWORK_STOPPED');
    if (result.kind === 'oversize') return networkErrors.error('NETWORK_RESPONSE_TOO_LARGE', data);
    if (result.kind === 'response' && result.response.kind === 'error') {
      return networkErrors.error('NETWORK_REQUEST_REFUSED', { ...data, remoteCode: result.response.code });
    }
    return networkErrors.error('NETWORK_PEER_UNREACHABLE', data);
  }

  async #serve(link: PeerLink, stream: Stream): Promise<void> {
    const { limits, instruments, nowMs, signal } = this.#context;
    const overRate = !link.requestRate.take(1, nowMs());
    if (overRate || link.serving >= limits.slots) {
      link.penalise(overRate ? 'request-rate' : 'request-slots');
      instruments.requests.with({ side: 'served', outcome: 'busy' }).add();
      stream.abort(new Error('busy'));
      return;
    }
    link.serving += 1;
    let outcome: Outcome = 'failed';
    try {
      outcome = await withDeadline(limits.serveTimeoutMs, [signal], async (within) => {
        within.addEventListener('abort', () => stream.abort(new Error('deadline')), { once: true });
        return await this.#answer(link, stream, within);
      });
    } catch {
      stream.abort(new Error('request failed')); // the peer went away while it was answered
    } finally {
      if (stream.remoteWriteStatus !== 'closed') stream.abort(new Error('request over')); // it would stay half open
      link.serving -= 1;
      instruments.requests.with({ side: 'served', outcome }).add();
    }
  }

  async #answer(link: PeerLink, stream: Stream, signal: AbortSignal): Promise<Outcome> {
    const { limits } = this.#context;
    const read = await readFrame(stream, limits.maxRequestBytes + REQUEST_OVERHEAD_BYTES, (bytes) =>
      link.onStreamBytes(bytes),
    );
    const request = read.kind === 'frame' ? parseRequest(read.message) : undefined;
    if (request === undefined) {
      stream.abort(new Error('malformed request'));
      if (read.kind !== 'closed') link.penalise('request-malformed');
      return 'failed';
    }
    // A handler that does not end keeps neither the slot nor the stop of the network waiting.
    const response = await Promise.race([this.#respond(link, request.method, request.payload), aborted(signal)]);
    await writeAndClose(stream, frameResponse(response), signal);
    return response.kind === 'ok' ? 'ok' : 'refused';
  }

  async #respond(link: PeerLink, method: string, payload: Uint8Array): Promise<WireResponse> {
    const handler = this.#handlers.get(method);
    if (handler === undefined) return { kind: 'error', code: 'REQUEST_METHOD_UNKNOWN' };
    try {
      const answer = await handler(link.peer, payload);
      if (answer.byteLength <= this.#context.limits.maxResponseBytes) return { kind: 'ok', payload: answer };
      return { kind: 'error', code: 'NETWORK_RESPONSE_TOO_LARGE' };
    } catch (error) {
      return { kind: 'error', code: isCloisterError(error) && isRequestName(error.code) ? error.code : 'INTERNAL' };
    }
  }
}

type Exchange =
  | { readonly kind: 'response'; readonly response: WireResponse }
  | { readonly kind: 'oversize' }
  | { readonly kind: 'unreachable' };
