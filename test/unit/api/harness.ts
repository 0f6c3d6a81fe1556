/** Helpers of the API's tests: a server over a tiny network, requests, and answers checked by their shapes. */
import { randomBytes } from '#primitives';
import { expect } from 'vitest';
import type { ApiLimits } from '../../../node/api/context.ts';
import { ApiServer } from '../../../node/api/server.ts';
import { loggerOver } from '../../../node/logger.ts';
import { type Problem, problemShape, type SubmitReply, submitReplyShape } from '../../../protocol/api.ts';
import { epoch, height } from '../../../protocol/brand.ts';
import type { Call } from '../../../protocol/call.ts';
import { validatorSetOf } from '../../../protocol/consensus/configuration.ts';
import { SEAL_RANDOMNESS_BYTES, sealCall } from '../../../protocol/envelope-seal.ts';
import type { ParsedEnvelope } from '../../../protocol/envelope.ts';
import { epochKeyOf, provenEpochKeys } from '../../../protocol/epoch-key.ts';
import { createAccount } from '../../../wallet/account.ts';
import { TinyNetwork } from '../../support/tiny-enclave.ts';
import { type Behaviour, TinyService } from '../../support/tiny-service.ts';

const open: AsyncDisposable[] = [];

/** Keeps a resource until the end of the test. */
export const keep = (resource: AsyncDisposable): void => {
  open.push(resource);
};

/** Disposes what the test kept. */
export const disposeAll = async (): Promise<void> => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
};

/** Starts a server over a tiny network. */
export const start = async (behaviour: Behaviour = {}, limits: Partial<ApiLimits> = {}) => {
  const tiny = new TinyNetwork();
  const service = new TinyService(tiny, behaviour);
  const lines: string[] = [];
  const log = loggerOver({ level: 'trace' }, { write: (line) => lines.push(line) });
  const server = await ApiServer.start({ service, log, host: '127.0.0.1', port: 0, limits });
  keep(server);
  return { tiny, service, server, lines, url: `http://127.0.0.1:${server.port}` };
};

/** A sealed one-shot call of a new account. */
export const envelopeFor = (tiny: TinyNetwork, method = 'add'): ParsedEnvelope => {
  const proof = provenEpochKeys(tiny.epochKeys(), tiny.chainId, validatorSetOf(tiny.anchor.configuration));
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

/** Submits a JSON body. */
export const post = (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/v1/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Posts bytes. */
export const postBytes = (
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
export const problemOf = async (response: Response): Promise<Problem> => {
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/u);
  const text = await response.text();
  expect(text).not.toMatch(/\.ts|node_modules|\bat \w+ \(/u);
  const problem = problemShape.read(JSON.parse(text), 'problem');
  expect(problem.status).toBe(response.status);
  expect(problem.hint.length).toBeGreaterThan(0);
  return problem;
};

/** Code of a refused request. */
export const codeOf = async (response: Promise<Response>): Promise<string> => (await problemOf(await response)).code;

/** Reply to a submission, checked by its shape. */
export const replyOf = async (response: Response): Promise<SubmitReply> =>
  submitReplyShape.read(await response.json(), 'reply');
