/** The HTTP server: what can be read, bad identifiers and queries, bounds, operations, and the table of codes. */
import { randomBytes } from '#primitives';
import { connect as connectSocket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { apiErrors } from '../../../node/api/errors.ts';
import { OperationsServer } from '../../../node/api/operations.ts';
import { silentLogger } from '../../../node/logger.ts';
import { blockShape, networkShape, statusShape } from '../../../protocol/api.ts';
import { codeOf, disposeAll, envelopeFor, keep, postBytes, problemOf, start } from './harness.ts';

afterEach(disposeAll);

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
      '/v1/epochs',
      '/v1/governance',
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
    for (const bad of ['/v1/epochs', '/v1/epochs?from=-1', '/v1/epochs?from=1&to=2', '/v1/governance?all=1'])
      expect(await get(bad), bad).toBe('BAD_REQUEST');
    expect(await get('/v1/%')).toBe('BAD_REQUEST');
    expect(await get('/')).toBe('UNKNOWN_ROUTE');
    expect(await codeOf(fetch(`${url}/v1/status`, { method: 'DELETE' }))).toBe('METHOD_NOT_ALLOWED');
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
    keep(operations);
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
