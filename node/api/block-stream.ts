/**
 * The stream of final blocks as Server-Sent Events (WHATWG HTML §9.2), resumable from any height.
 *
 * Each client has a cursor into the ledger and at most one event in flight: nothing is queued for a slow client, and
 * one that does not drain within the deadline is dropped; it resumes with `Last-Event-ID`.
 */
import type { ServerResponse } from 'node:http';
import { height } from '../../protocol/brand.ts';
import type { ApiService } from './service.ts';

/** How a stream treats its client. */
export interface BlockStreamOptions {
  /** How long a client may leave its buffer full, ms. */
  readonly drainDeadlineMs: number;
  /** Interval of comments that keep an idle connection open, ms. */
  readonly keepAliveMs: number;
}

const REPLY_HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'access-control-allow-origin': '*',
} as const;

/** Resolves at the next growth of the head, after `keepAliveMs`, or when the signal aborts. */
const nextChange = (service: ApiService, from: number, keepAliveMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stopListening();
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, keepAliveMs);
    const stopListening = service.onHead(done);
    signal.addEventListener('abort', done);
    if (signal.aborted || service.head() >= from) done();
  });

/** Writes and waits until the client has taken it; false when it did not in time. */
const write = (reply: ServerResponse, text: string, deadlineMs: number, signal: AbortSignal): Promise<boolean> => {
  if (signal.aborted) return Promise.resolve(false);
  if (reply.write(text)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (taken: boolean) => (): void => {
      clearTimeout(timer);
      reply.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      resolve(taken);
    };
    const onDrain = done(true);
    const onAbort = done(false);
    const timer = setTimeout(onAbort, deadlineMs);
    reply.once('drain', onDrain);
    signal.addEventListener('abort', onAbort);
  });
};

/** Streams blocks from height `from` on until the client leaves, falls behind, or the signal aborts. */
export const streamBlocks = async (
  service: ApiService,
  reply: ServerResponse,
  from: number,
  signal: AbortSignal,
  options: BlockStreamOptions,
): Promise<void> => {
  reply.writeHead(200, REPLY_HEADERS);
  let next = from;
  let alive = await write(reply, ': blocks\n\n', options.drainDeadlineMs, signal);
  while (alive && !signal.aborted) {
    if (next > service.head()) {
      await nextChange(service, next, options.keepAliveMs, signal);
      if (next > service.head()) alive = await write(reply, ': waiting\n\n', options.drainDeadlineMs, signal);
      continue;
    }
    const block = await service.block(height(next));
    if (block === undefined) break;
    const event = `id: ${next}\nevent: block\ndata: ${JSON.stringify(block.summary)}\n\n`;
    alive = await write(reply, event, options.drainDeadlineMs, signal);
    next += 1;
  }
  if (alive) reply.end();
  else reply.destroy();
};
