/** Requests whose path is right and whose method or body is not. */
import { afterEach, describe, expect, it } from 'vitest';
import { OperationsServer } from '../../../node/api/operations.ts';
import { silentLogger } from '../../../node/logger.ts';
import { codeOf, disposeAll, keep, problemOf, start } from './harness.ts';

afterEach(disposeAll);

describe('a wrong method', () => {
  it('is answered with the methods that the path has', async () => {
    const { url } = await start();
    const allowed = async (path: string, method: string, init: RequestInit = {}): Promise<string | null> => {
      const response = await fetch(`${url}${path}`, { method, ...init });
      expect((await problemOf(response)).code, path).toBe('METHOD_NOT_ALLOWED');
      expect(response.status).toBe(405);
      return response.headers.get('allow');
    };
    expect(await allowed('/v1/status', 'DELETE')).toBe('GET');
    expect(await allowed('/v1/transactions', 'GET')).toBe('POST');
    expect(await allowed('/v1/governance', 'PUT', { body: '<x/>', headers: { 'content-type': 'text/xml' } })).toBe(
      'POST, GET',
    );
    expect(await allowed(`/v1/transactions/${'ab'.repeat(32)}`, 'POST')).toBe('GET');
    expect(await codeOf(fetch(`${url}/v1/nothing-here`, { method: 'PUT' }))).toBe('UNKNOWN_ROUTE');
  });

  it('is told apart on the operations listener too', async () => {
    const operations = await OperationsServer.start({
      host: '127.0.0.1',
      port: 0,
      log: silentLogger(),
      ready: () => ({ ready: true, reasons: [] }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    });
    keep(operations);
    const url = `http://127.0.0.1:${operations.port}`;
    const response = await fetch(`${url}/readyz`, { method: 'POST' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await fetch(`${url}/livez`, { method: 'HEAD' })).status).toBe(200);
  });

  it('stands in the OpenAPI document, with what else a client may be answered', async () => {
    const { url } = await start();
    const { paths } = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
      readonly paths: Record<string, Record<string, { readonly responses: Record<string, unknown> }>>;
    };
    for (const [path, operations] of Object.entries(paths))
      for (const { responses } of Object.values(operations))
        expect(Object.keys(responses), path).toEqual(expect.arrayContaining(['405', '408', '429', '500']));
    expect(Object.keys(paths['/v1/transactions']?.['post']?.responses ?? {})).toContain('409');
    expect(Object.keys(paths['/v1/status'] ?? {})).toEqual(['get']);
  });
});

describe('a missing body', () => {
  it('is a fault of the request, not of the node', async () => {
    const { url } = await start();
    const post = (path: string, init: RequestInit = {}): Promise<string> =>
      codeOf(fetch(`${url}${path}`, { method: 'POST', ...init }));
    for (const path of ['/v1/transactions', '/v1/governance']) {
      expect(await post(path), path).toBe('BAD_REQUEST');
      expect(await post(path, { headers: { 'content-type': 'application/json' } }), path).toBe('BAD_REQUEST');
    }
    const bytes = { headers: { 'content-type': 'application/octet-stream' }, body: new Uint8Array(0) };
    expect(await post('/v1/transactions', bytes)).toMatch(/^(BAD_REQUEST|TX_MALFORMED)$/u);
    expect(await post('/v1/transactions', { headers: { 'content-type': 'text/xml' }, body: '<x/>' })).toBe(
      'UNSUPPORTED_MEDIA_TYPE',
    );
  });
});
