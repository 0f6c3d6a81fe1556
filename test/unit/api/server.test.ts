/** The HTTP server: every route with good and bad input, errors of one shape, bounds, and the stream of blocks. */
import { randomBytes } from '#primitives';
import { request } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createParser } from 'eventsource-parser';
import type { ApiLimits } from '../../../node/api/context.ts';
import { apiErrors } from '../../../node/api/errors.ts';
import { OperationsServer } from '../../../node/api/operations.ts';
import { ApiServer } from '../../../node/api/server.ts';
import { loggerOver, silentLogger } from '../../../node/logger.ts';
import {
  blockShape,
  networkShape,
  type Problem,
  problemShape,
  statusShape,
  type SubmitReply,
  submitReplyShape,
  transactionShape,
} from '../../../protocol/api.ts';
import { epoch, height } from '../../../protocol/brand.ts';
import type { Call } from '../../../protocol/call.ts';
import { SEAL_RANDOMNESS_BYTES, sealCall } from '../../../protocol/envelope-seal.ts';
import { encode } from '../../../protocol/codec.ts';
import { callCodec } from '../../../protocol/call.ts';
import type { ParsedEnvelope } from '../../../protocol/envelope.ts';
import { epochKeyOf, provenEpochKeys } from '../../../protocol/epoch-key.ts';
import { validatorSetOf } from '../../../protocol/genesis.ts';
import { toBase64 } from '../../../protocol/json-shape.ts';
import { verifyReceipt } from '../../../protocol/receipt.ts';
import { createAccount } from '../../../wallet/account.ts';
import { type Behaviour, TinyService } from '../../support/tiny-service.ts';
import { TinyNetwork } from '../../support/tiny-enclave.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

const start = async (behaviour: Behaviour = {}, limits: Partial<ApiLimits> = {}) => {
  const tiny = new TinyNetwork();
  const service = new TinyService(tiny, behaviour);
  const lines: string[] = [];
  const log = loggerOver({ level: 'trace' }, { write: (line) => lines.push(line) });
  const server = await ApiServer.start({ service, log, host: '127.0.0.1', port: 0, limits });
  open.push(server);
  return { tiny, service, server, lines, url: `http://127.0.0.1:${server.port}` };
};

const envelopeFor = (tiny: TinyNetwork, method = 'add'): ParsedEnvelope => {
  const proof = provenEpochKeys(tiny.epochKeys(), tiny.chainId, validatorSetOf(tiny.genesis));
  if (proof.verdict !== 'proven') throw new Error('unproven');
  const account = createAccount();
  const call: Call = { contract: 'counter', method, args: '{"amount":1}', idempotencyKey: undefined };
  const target = {
    chainId: tiny.chainId,
    keyEpoch: epoch(1),
    suite: 'x-wing' as const,
    epochPublicKey: epochKeyOf(proof.statement, 'x-wing') ?? new Uint8Array(0),
  };
  const { publicKey: replyKey } = account.replyKeyPair;
  return sealCall(target, account, { call, replyKey, expiryHeight: height(1000) }, randomBytes(SEAL_RANDOMNESS_BYTES));
};

const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

const postBytes = (
  url: string,
  path: string,
  body: Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream', ...headers },
    body: body.slice(),
  });

/** The problem of a refused request: exactly the documented shape, with no trace of the implementation. */
const problemOf = async (response: Response): Promise<Problem> => {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/u);
  const text = await response.text();
  expect(text).not.toMatch(/\.ts|node_modules|\bat \w+ \(/u);
  const problem = problemShape.read(JSON.parse(text), 'problem');
  expect(problem.status).toBe(response.status);
  expect(problem.hint.length).toBeGreaterThan(0);
  return problem;
};

const codeOf = async (response: Promise<Response>): Promise<string> => (await problemOf(await response)).code;

const replyOf = async (response: Response): Promise<SubmitReply> =>
  submitReplyShape.read(await response.json(), 'reply');

describe('submission', () => {
  it('answers with result, receipt and one certificate per block when asked to wait', async () => {
    const { tiny, url } = await start();
    const envelopes = [envelopeFor(tiny), envelopeFor(tiny)];
    const response = await post(
      url,
      { envelopes: envelopes.map(({ bytes }) => toBase64(bytes)) },
      { prefer: 'wait=5' },
    );
    expect(response.status).toBe(200);
    expect(response.headers.get('preference-applied')).toBe('wait=5');
    expect(response.headers.get('server')).toBeNull();
    expect(response.headers.get('x-powered-by')).toBeNull();
    const reply = await replyOf(response);
    expect(reply.results.map(({ status }) => status)).toEqual(['committed', 'committed']);
    expect(reply.blocks).toHaveLength(1);
    const id = envelopes[0]?.transactionId ?? '';
    const known = transactionShape.read(await (await fetch(`${url}/v1/transactions/${id}`)).json(), 'transaction');
    expect(known).toMatchObject({ status: 'committed', height: 1 });
    const receipt: unknown = await (await fetch(`${url}/v1/receipts/${id}`)).json();
    expect(verifyReceipt(receipt, tiny.chainId, envelopes[0]?.transactionId)).toMatchObject({ verdict: 'valid' });
  });

  it('answers 202 without waiting, takes one envelope as bytes, and the same envelope again', async () => {
    const { tiny, service, url } = await start();
    const { bytes, transactionId } = envelopeFor(tiny);
    const first = await postBytes(url, '/v1/transactions', bytes);
    expect(first.status).toBe(202);
    expect((await replyOf(first)).results).toEqual([{ status: 'accepted', transactionId }]);
    expect(await codeOf(fetch(`${url}/v1/receipts/${transactionId}`))).toBe('RECEIPT_NOT_READY');
    service.flush();
    const again = await replyOf(await postBytes(url, '/v1/transactions', bytes, { prefer: 'respond-async, wait=1' }));
    expect(again.results[0]).toMatchObject({ status: 'committed', height: 1 });
    expect(tiny.head).toBe(1);
  });

  it('names a plaintext submission as such, in every guise, and passes nothing on', async () => {
    const { service, lines, url } = await start();
    const plain = { contract: 'token', method: 'transfer', args: { to: 'somebody-in-clear', amount: '5' } };
    expect(await codeOf(post(url, plain))).toBe('TX_NOT_ENCRYPTED');
    expect(await codeOf(post(url, { envelopes: [plain] }))).toBe('TX_NOT_ENCRYPTED');
    const asText = new TextEncoder().encode(JSON.stringify(plain));
    expect(await codeOf(post(url, { envelopes: [toBase64(asText)] }))).toBe('TX_NOT_ENCRYPTED');
    expect(await codeOf(postBytes(url, '/v1/transactions', asText))).toBe('TX_NOT_ENCRYPTED');
    const asMessage = encode(callCodec, {
      contract: 'token',
      method: 'transfer',
      args: '{}',
      idempotencyKey: undefined,
    });
    expect(await codeOf(postBytes(url, '/v1/transactions', asMessage))).toBe('TX_NOT_ENCRYPTED');
    expect(service.submissions).toEqual([]);
    expect(lines.join('')).not.toContain('somebody-in-clear');
  });

  it('refuses every malformed request with a stable code', async () => {
    const { tiny, service, url } = await start();
    const good = toBase64(envelopeFor(tiny).bytes);
    for (const body of [
      '',
      '{',
      '[]',
      'null',
      '"x"',
      '{}',
      '{"envelopes":[]}',
      '{"envelopes":["!!!!"]}',
      '{"envelopes":[7]}',
      '{"envelopes":{}}',
    ]) {
      expect(await codeOf(post(url, body)), body).toMatch(/^(BAD_REQUEST|MALFORMED_MESSAGE)$/u);
    }
    expect(await codeOf(post(url, { envelopes: [good], extra: 1 }))).toBe('BAD_REQUEST');
    expect(await codeOf(post(url, `{"envelopes":["${good}"],"__proto__":{"a":1}}`))).toBe('BAD_REQUEST');
    expect(await codeOf(post(url, { envelopes: Array.from({ length: 257 }, () => 'AAAA') }))).toBe('BAD_REQUEST');
    expect(await codeOf(post(url, { envelopes: [toBase64(randomBytes(67 * 1024))] }))).toBe('BAD_REQUEST');
    expect(await codeOf(postBytes(url, '/v1/transactions', randomBytes(67 * 1024)))).toBe('TX_TOO_LARGE');
    expect(await codeOf(postBytes(url, '/v1/transactions', randomBytes(3 * 1024 * 1024)))).toBe('REQUEST_TOO_LARGE');
    expect(await codeOf(postBytes(url, '/v1/transactions', Uint8Array.of(0xc1, ...randomBytes(500))))).toMatch(
      /^TX_(MALFORMED|NOT_ENCRYPTED)$/u,
    );
    expect(await codeOf(post(url, 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }))).toBe(
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expect(await codeOf(post(url, 'hello', { 'content-type': 'text/plain' }))).toBe('UNSUPPORTED_MEDIA_TYPE');
    const foreign = envelopeFor(new TinyNetwork({ network: 'elsewhere' }));
    expect(await codeOf(postBytes(url, '/v1/transactions', foreign.bytes))).toBe('WRONG_CHAIN');
    expect(service.submissions).toEqual([]);
  });

  it('reports each envelope of a mixed submission by itself', async () => {
    const { tiny, url } = await start();
    const foreign = envelopeFor(new TinyNetwork({ network: 'elsewhere' }));
    const good = envelopeFor(tiny);
    const response = await post(
      url,
      { envelopes: [foreign, good].map(({ bytes }) => toBase64(bytes)) },
      { prefer: 'wait=1' },
    );
    const { results } = await replyOf(response);
    expect(results[0]).toMatchObject({
      status: 'refused',
      code: 'WRONG_CHAIN',
      retryable: false,
      transactionId: foreign.transactionId,
    });
    expect(results[1]).toMatchObject({ status: 'committed', transactionId: good.transactionId });
  });

  it('answers 429 with Retry-After and a hint when the pool is full', async () => {
    const { tiny, url } = await start({ fullTimes: 1 });
    const response = await postBytes(url, '/v1/transactions', envelopeFor(tiny).bytes);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('0');
    expect(await problemOf(response)).toMatchObject({ code: 'MEMPOOL_FULL', retryable: true });
  });

  it('hides the cause of its own failures and logs them without their text', async () => {
    const { tiny, lines, url } = await start({ fail: true });
    const response = await postBytes(url, '/v1/transactions', envelopeFor(tiny).bytes);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ code: 'INTERNAL', status: 500 });
    expect(JSON.stringify(problem)).not.toContain('secret detail');
    expect(lines.join('')).toContain(problem.instance);
    expect(lines.join('')).not.toContain('secret detail');
  });
});

describe('reading', () => {
  it('answers network, status, block and OpenAPI in the documented form', async () => {
    const { tiny, service, url } = await start();
    service.commit([envelopeFor(tiny)]);
    const network = networkShape.read(await (await fetch(`${url}/v1/network`)).json(), 'network');
    expect(network).toMatchObject({ chainId: tiny.chainId, platform: 'sim' });
    expect(network.notice).toContain('SIMULATED');
    const status = statusShape.read(await (await fetch(`${url}/v1/status`)).json(), 'status');
    expect(status).toMatchObject({ executedHeight: 1, ready: true });
    const block = blockShape.read(await (await fetch(`${url}/v1/blocks/1`)).json(), 'block');
    expect(block.transactionIds).toHaveLength(1);
    const openApi = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
      openapi: string;
      paths: Record<string, object>;
    };
    expect(openApi.openapi).toBe('3.1.0');
    expect(Object.keys(openApi.paths).sort()).toEqual([
      '/v1/blocks',
      '/v1/blocks/{height}',
      '/v1/network',
      '/v1/queries',
      '/v1/receipts/{id}',
      '/v1/status',
      '/v1/transactions',
      '/v1/transactions/{id}',
    ]);
    expect(JSON.stringify(openApi.paths['/v1/transactions'])).toContain('envelopes');
  });

  it('refuses bad identifiers, unknown things, unknown parameters and unknown routes', async () => {
    const { url } = await start();
    const unknown = 'ab'.repeat(32);
    const get = (path: string): Promise<string> => codeOf(fetch(`${url}${path}`));
    expect(await get(`/v1/transactions/${unknown}`)).toBe('UNKNOWN_TRANSACTION');
    expect(await get(`/v1/receipts/${unknown}`)).toBe('UNKNOWN_TRANSACTION');
    expect(await get(`/v1/transactions/${unknown.toUpperCase()}`)).toBe('BAD_REQUEST');
    expect(await get('/v1/receipts/..%2f..%2fetc')).toBe('BAD_REQUEST');
    expect(await get(`/v1/receipts/${'a'.repeat(65)}`)).toMatch(/^(BAD_REQUEST|UNKNOWN_ROUTE)$/u);
    for (const bad of ['-1', '01', '1.5', '1e3', '99999999999999999999', 'x'])
      expect(await get(`/v1/blocks/${bad}`), bad).toBe('BAD_REQUEST');
    expect(await get('/v1/blocks/7')).toBe('UNKNOWN_BLOCK');
    expect(await get('/v1/blocks/0')).toBe('UNKNOWN_BLOCK');
    expect(await get('/v1/status?verbose=1')).toBe('BAD_REQUEST');
    expect(await get('/v1/blocks?from=-1')).toBe('BAD_REQUEST');
    expect(await get('/v1/blocks?since=1')).toBe('BAD_REQUEST');
    expect(await get('/v1/%')).toBe('BAD_REQUEST');
    expect(await get('/')).toBe('UNKNOWN_ROUTE');
    expect(await codeOf(fetch(`${url}/v1/status`, { method: 'DELETE' }))).toBe('UNKNOWN_ROUTE');
  });

  it('refuses bad queries', async () => {
    const { url } = await start();
    expect(await codeOf(postBytes(url, '/v1/queries', randomBytes(600)))).toBe('QUERY_REFUSED');
    expect(await codeOf(postBytes(url, '/v1/queries', randomBytes(100 * 1024)))).toBe('REQUEST_TOO_LARGE');
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"contract":"token"}' };
    expect(await codeOf(fetch(`${url}/v1/queries`, json))).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect(await codeOf(fetch(`${url}/v1/queries`, { method: 'POST' }))).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it('lets browsers of any origin in', async () => {
    const { url } = await start();
    const preflight = await fetch(`${url}/v1/transactions`, { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('prefer');
    expect((await fetch(`${url}/v1/status`)).headers.get('access-control-allow-origin')).toBe('*');
  });
});

describe('bounds', () => {
  it('limits requests in progress per address', async () => {
    const { tiny, service, url } = await start({}, { requestsPerAddress: 1 });
    const stream = new AbortController();
    const streaming = await fetch(`${url}/v1/blocks`, { signal: stream.signal });
    expect(streaming.status).toBe(200);
    const refused = await fetch(`${url}/v1/status`);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect((await problemOf(refused)).code).toBe('TOO_MANY_REQUESTS');
    stream.abort();
    await expect.poll(async () => (await fetch(`${url}/v1/status`)).status).toBe(200);
    service.commit([envelopeFor(tiny)]);
    await expect.poll(() => service.listeners).toBe(0);
  });

  it('answers what is not HTTP, and a request that never arrives, with a problem', async () => {
    const { server } = await start({}, { requestTimeoutMs: 200 });
    const talk = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let answer = '';
        const socket = connectSocket(server.port, '127.0.0.1', () => socket.write(text));
        socket.on('data', (data) => {
          answer += data.toString();
        });
        socket.on('close', () => resolve(answer));
        socket.on('error', () => resolve(answer));
      });
    expect(await talk('nonsense\r\n\r\n')).toContain('"code":"BAD_REQUEST"');
    expect(
      await talk(
        'POST /v1/transactions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
      ),
    ).toMatch(/REQUEST_TIMEOUT|^HTTP\/1\.1 408/u);
  });
});

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

  it('drops a client that does not read, and keeps none at closing', async () => {
    const { tiny, service, server } = await start({}, { drainDeadlineMs: 50 });
    service.commit([envelopeFor(tiny)]);
    const flooding = service.block.bind(service);
    service.head = () => 1_000_000;
    service.block = async () => flooding(height(1));
    const dropped = await new Promise<boolean>((resolve) => {
      const client = request({ port: server.port, host: '127.0.0.1', path: '/v1/blocks?from=1' }, (response) => {
        response.pause();
        response.socket.pause();
        const check = setInterval(() => {
          if (service.listeners === 0) return;
          clearInterval(check);
        }, 10);
        check.unref();
        response.on('close', () => resolve(true));
        setTimeout(() => response.resume(), 400).unref();
      });
      client.on('error', () => resolve(true));
      client.end();
    });
    expect(dropped).toBe(true);
  });
});

describe('operations', () => {
  it('answers liveness, readiness and metrics on its own listener, and nothing else', async () => {
    const state = { ready: false, reasons: ['NO_QUORUM'] };
    const operations = await OperationsServer.start({
      host: '127.0.0.1',
      port: 0,
      log: silentLogger(),
      ready: () => state,
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'cloister_x_total 1\n' }),
    });
    open.push(operations);
    const url = `http://127.0.0.1:${operations.port}`;
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    const behind = await fetch(`${url}/readyz`);
    expect(behind.status).toBe(503);
    expect(await behind.json()).toEqual(state);
    state.ready = true;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('cloister_x_total 1\n');
    expect(await codeOf(fetch(`${url}/v1/status`))).toBe('UNKNOWN_ROUTE');
  });
});

describe('the table of codes', () => {
  it('gives every code a status and a next step', () => {
    for (const [code, { status, hint }] of Object.entries(apiErrors.table)) {
      expect(status, code).toBeGreaterThanOrEqual(400);
      expect(hint.length, code).toBeGreaterThan(0);
    }
  });
});
