/** Submission over HTTP: results and receipts, plaintext named as such, every malformed body refused with a code. */
import { randomBytes } from '#primitives';
import { afterEach, describe, expect, it } from 'vitest';
import { transactionShape } from '../../../protocol/api.ts';
import { callCodec } from '../../../protocol/call.ts';
import { encode } from '../../../protocol/codec.ts';
import { toBase64 } from '../../../protocol/json-shape.ts';
import { verifyReceipt } from '../../../protocol/receipt.ts';
import { TinyNetwork } from '../../support/tiny-enclave.ts';
import { codeOf, disposeAll, envelopeFor, post, postBytes, problemOf, replyOf, start } from './harness.ts';

afterEach(disposeAll);

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
    expect(await codeOf(post(url, { envelopes: [toBase64(randomBytes(67 * 1024))] }))).toBe('TX_TOO_LARGE');
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
