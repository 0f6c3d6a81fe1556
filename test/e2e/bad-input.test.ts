/**
 * Bad input at the API and through the wallet of real nodes: a stable code, a next step, no stack, no secret, nothing
 * lost, and the network goes on. What was refused inside the enclave looks outside exactly like what succeeded.
 */
import { fileURLToPath } from 'node:url';
import { randomBytes } from '#primitives';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ChainId } from '../../protocol/brand.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import type { Session } from '../../wallet/index.ts';
import { statusOf, untilSameState } from '../support/live-network.ts';
import { type RawAnswer, RawClient, resultsOf } from '../support/raw-client.ts';
import { deploy, TokenLoad } from '../support/token-load.ts';

const MISBEHAVING = fileURLToPath(new URL('./fixtures/misbehaving-contract.ts', import.meta.url));
/** Small enough that a call that never ends by itself ends within a second on a busy machine. */
const MAX_GAS = 500_000_000;
const SECRET = 'canary-7f3a91';

let network: LocalNetwork;
let load: TokenLoad;
let client: RawClient;
let session: Session;

const heightNow = async (): Promise<number> => (await statusOf(network.nodes[0] ?? { api: '' }))?.finalizedHeight ?? 0;

/** A problem document with a code and a next step, and nothing of the inside of the node or of what was sent. */
const expectProblem = (answer: RawAnswer, status: number, code: string): void => {
  expect({ status: answer.status, code: answer.json['code'] }, answer.text).toEqual({ status, code });
  expect(answer.contentType).toContain('application/problem+json');
  expect(answer.json['hint']).toMatch(/\w{4}/u);
  expect(typeof answer.json['retryable']).toBe('boolean');
  expect(answer.text).not.toMatch(/\bat \S+ \(|node:|\.ts\b|node_modules/u);
  expect(answer.text).not.toContain(SECRET);
};

beforeAll(async () => {
  network = await LocalNetwork.start({ parameters: { maxGasPerCall: MAX_GAS } });
  load = await TokenLoad.prepare(network, 2);
  await deploy(load.issuer, 'misbehaving', MISBEHAVING);
  session = load.issuer;
  client = await RawClient.connect(network.apis[0] ?? '', network.chainId);
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  await load.once();
  await untilSameState(network);
  expect(await load.bookErrors()).toEqual([]);
});

describe('bad requests', () => {
  it('what is not the documented form is refused', async () => {
    const submit = (body: string): Promise<RawAnswer> => client.post('/v1/transactions', body);
    expectProblem(await submit(`{"envelopes": ["${SECRET}`), 400, 'BAD_REQUEST');
    expectProblem(await submit(JSON.stringify({ envelopes: ['AAAA'], extra: SECRET })), 400, 'BAD_REQUEST');
    expectProblem(await submit(JSON.stringify({ envelopes: [] })), 400, 'BAD_REQUEST');
    expectProblem(await submit(JSON.stringify({ envelopes: [`${SECRET}!`] })), 400, 'MALFORMED_MESSAGE');
    expectProblem(
      await client.post('/v1/transactions', SECRET, { 'content-type': 'text/plain' }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    );
    expectProblem(await client.get(`/v1/${SECRET}`), 404, 'UNKNOWN_ROUTE');
    expectProblem(await client.get(`/v1/transactions/${SECRET}`), 400, 'BAD_REQUEST');
    expectProblem(await client.get(`/v1/transactions/${'0'.repeat(64)}`), 404, 'UNKNOWN_TRANSACTION');
    expectProblem(await client.get('/v1/blocks/99999999'), 404, 'UNKNOWN_BLOCK');
    expectProblem(await client.announce('/v1/transactions', 3 * 1024 * 1024), 413, 'REQUEST_TOO_LARGE');
    expectProblem(
      await client.post('/v1/queries', randomBytes(700), { 'content-type': 'application/octet-stream' }),
      400,
      'QUERY_REFUSED',
    );
  });

  it('a call in plain text is named as such', async () => {
    const plain = { contract: 'token', method: 'transfer', args: { token: SECRET, amount: '5' } };
    expectProblem(await client.post('/v1/transactions', JSON.stringify(plain)), 400, 'TX_NOT_ENCRYPTED');
    const inside = Buffer.from(JSON.stringify(plain)).toString('base64');
    expectProblem(
      await client.post('/v1/transactions', JSON.stringify({ envelopes: [inside] })),
      400,
      'TX_NOT_ENCRYPTED',
    );
  });

  it('envelopes that are malformed, too large, for another chain or out of time are refused', async () => {
    const now = await heightNow();
    const expiry = now + 1_000;
    expectProblem(await client.submit(randomBytes(700)), 400, 'TX_MALFORMED');
    expectProblem(await client.submit(randomBytes(68 * 1024)), 413, 'TX_TOO_LARGE');
    expectProblem(
      await client.submit(
        client.call('misbehaving', 'ok', SECRET, expiry, { chainId: 'ab'.repeat(32) as ChainId }).bytes,
      ),
      422,
      'WRONG_CHAIN',
    );
    expectProblem(
      await client.submit(client.call('misbehaving', 'ok', SECRET, expiry, { keyEpoch: 7 as never }).bytes),
      422,
      'WRONG_KEY_EPOCH',
    );
    expectProblem(
      await client.submit(client.call('misbehaving', 'ok', SECRET, Math.max(1, now - 2)).bytes),
      422,
      'TX_EXPIRED',
    );
    expectProblem(
      await client.submit(client.call('misbehaving', 'ok', SECRET, now + 1_000_000).bytes),
      422,
      'TX_EXPIRY_TOO_FAR',
    );
    const tampered = client.call('misbehaving', 'ok', SECRET, expiry).bytes.slice();
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
    expectProblem(await client.submit(tampered), 422, 'TX_NOT_ADMITTED');
    const { call } = client.openSession(expiry);
    expectProblem(await client.submit(call(0, 'ok', SECRET).bytes), 422, 'SESSION_UNKNOWN');
  });

  it('a resend is the same transaction, another call under a used number is a replay', async () => {
    const expiry = (await heightNow()) + 1_000;
    const { opening, call } = client.openSession(expiry);
    resultsOf(await client.submit(opening.bytes));
    const envelope = call(0, 'ok', 1).bytes;
    const [first] = resultsOf(await client.submit(envelope));
    const [again] = resultsOf(await client.submit(envelope));
    const [elsewhere] = resultsOf(
      await (await RawClient.connect(network.apis[2] ?? '', network.chainId)).submit(envelope),
    );
    expect(again).toEqual(first);
    expect(elsewhere).toEqual(first);
    expectProblem(await client.submit(call(0, 'ok', SECRET).bytes), 409, 'TX_REPLAYED');
    const once = client.call('misbehaving', 'ok', 1, expiry).bytes;
    expect(resultsOf(await client.submit(once, once)).map(({ height }) => height)).toHaveLength(2);
  });
});

describe('bad contracts and calls', () => {
  const failureOf = async (method: string, contract = 'misbehaving', args: unknown = null): Promise<unknown> =>
    session.call(contract, method, args).then(
      () => 'succeeded',
      (error: unknown) => error,
    );

  it('are stopped with a code and change nothing', async () => {
    const expected: readonly (readonly [method: string, failure: RegExp])[] = [
      ['loop', /^OUT_OF_GAS$/u],
      ['allocate', /^OUT_OF_(MEMORY|GAS)$/u],
      ['recurse', /^STACK_OVERFLOW$/u],
      ['tooMuch', /^RESULT_TOO_LARGE$/u],
      ['crash', /^CONTRACT_ERROR$/u],
      ['hugeState', /^(OUT_OF_GAS|STATE_|TOO_MANY_|WRITES_)/u],
      ['noSuchMethod', /^UNKNOWN_METHOD$/u],
    ];
    for (const [method, failure] of expected) {
      const startedAt = performance.now();
      const error = await failureOf(method);
      process.stderr.write(`bad input: ${method} stopped after ${Math.round(performance.now() - startedAt)} ms\n`);
      expect(error, method).toMatchObject({ code: 'CALL_FAILED', failure: expect.stringMatching(failure) as string });
      expect(String((error as { hint?: unknown }).hint)).toMatch(/\w{4}/u);
      expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('secret detail');
    }
    expect(await failureOf('ok', 'no-such-contract')).toMatchObject({
      code: 'CALL_FAILED',
      failure: 'UNKNOWN_CONTRACT',
    });
    expect(await failureOf('refuse')).toMatchObject({ code: 'CALL_REFUSED', reason: 'not_today' });
    for (const name of ['loop', 'crash', 'n0']) {
      expect((await session.query('misbehaving', 'left', name)).result).toBe('nothing');
    }
  });

  it('a query that never ends is stopped, and others are served', async () => {
    await expect(session.query('misbehaving', 'loop')).rejects.toMatchObject({
      code: 'CALL_FAILED',
      failure: 'OUT_OF_GAS',
    });
    await expect(session.query('misbehaving', 'left', 'x')).resolves.toMatchObject({ result: 'nothing' });
  });

  it('look outside like calls that succeeded: one receipt length, one output length', async () => {
    const { opening, call } = client.openSession((await heightNow()) + 1_000);
    resultsOf(await client.submit(opening.bytes));
    const methods = ['ok', 'refuse', 'crash', 'recurse', 'tooMuch', 'noSuchMethod'];
    const shapes: string[] = [];
    for (const [number, method] of methods.entries()) {
      const answer = await client.submit(call(number, method, null).bytes);
      const [result] = resultsOf(answer);
      expect(result?.status).toBe('committed');
      shapes.push(`${result?.receipt.length} ${result?.outputs.map((output) => output.length).join(',')}`);
      expect(answer.text).not.toMatch(/not_today|secret detail|UNKNOWN_METHOD|RESULT_TOO_LARGE|STACK_OVERFLOW/u);
    }
    expect(new Set(shapes).size, shapes.join(' | ')).toBe(1);
  });
});
