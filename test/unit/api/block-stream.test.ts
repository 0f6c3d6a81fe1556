/** The stream of blocks: from the ledger, resumable, and without a queue for slow clients. */
import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import { afterEach, describe, expect, it } from 'vitest';
import { streamBlocks } from '../../../node/api/block-stream.ts';
import { TinyNetwork } from '../../support/tiny-enclave.ts';
import { TinyService } from '../../support/tiny-service.ts';
import { disposeAll, envelopeFor, start } from './harness.ts';

afterEach(disposeAll);

/** Reads block events until there are `count`, then leaves. */
const readEvents = async (
  url: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<{ id: string; height: number }[]> => {
  const leaving = new AbortController();
  const response = await fetch(url, { headers, signal: leaving.signal });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events: { id: string; height: number }[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => events.push({ id: id ?? '', height: (JSON.parse(data) as { height: number }).height }),
  });
  const decoder = new TextDecoder();
  try {
    for await (const part of response.body ?? []) {
      parser.feed(decoder.decode(part, { stream: true }));
      if (events.length >= count) break;
    }
  } finally {
    leaving.abort();
  }
  return events.slice(0, count);
};

describe('the stream of blocks', () => {
  it('starts in the ledger, follows the head, and resumes after the last event seen', async () => {
    const { tiny, service, url } = await start();
    for (let i = 0; i < 5; i += 1) service.commit([envelopeFor(tiny)]);
    const past = await readEvents(`${url}/v1/blocks?from=2`, 4);
    expect(past).toEqual([2, 3, 4, 5].map((at) => ({ id: String(at), height: at })));
    const following = readEvents(`${url}/v1/blocks`, 2, { 'last-event-id': '4' });
    await expect.poll(() => service.listeners).toBe(1);
    service.commit([envelopeFor(tiny)]);
    expect((await following).map(({ height: at }) => at)).toEqual([5, 6]);
    await expect.poll(() => service.listeners).toBe(0);
  });

  it('drops a client that does not read in time', async () => {
    const tiny = new TinyNetwork();
    const service = new TinyService(tiny);
    service.commit([envelopeFor(tiny)]);
    const stuck = new Writable({ highWaterMark: 1, write: () => undefined });
    const reply = Object.assign(stuck, { writeHead: () => undefined }) as unknown as ServerResponse;
    await streamBlocks(service, reply, 1, new AbortController().signal, { drainDeadlineMs: 20, keepAliveMs: 1_000 });
    expect(stuck.destroyed).toBe(true);
    expect(service.listeners).toBe(0);
  });

  it('ends open streams when the server closes', async () => {
    const { service, server, url } = await start();
    const response = await fetch(`${url}/v1/blocks`);
    await expect.poll(() => service.listeners).toBe(1);
    await server[Symbol.asyncDispose]();
    expect(service.listeners).toBe(0);
    await response.text().catch(() => undefined);
  });
});
