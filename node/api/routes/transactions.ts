/** Submitting sealed envelopes, and reading transactions and receipt files back. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  BYTES_MEDIA_TYPE,
  MAX_SUBMISSION_BYTES,
  type Submission,
  submissionShape,
  submitReplyShape,
  transactionShape,
} from '../../../protocol/api.ts';
import type { TransactionId } from '../../../protocol/brand.ts';
import { decode } from '../../../protocol/codec.ts';
import { CloisterError } from '../../../protocol/errors.ts';
import { MAX_ENVELOPE_BYTES } from '../../../protocol/limits.ts';
import type { ParsedEnvelope } from '../../../protocol/envelope.ts';
import { fromBase64, jsonObject } from '../../../protocol/json-shape.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import { receiptFileOf } from '../../../protocol/receipt.ts';
import { MAX_RESULT_CERTIFICATE_BYTES, resultCertificateCodec } from '../../../protocol/result.ts';
import { type RouteContext, requestSignal } from '../context.ts';
import { submitReply, transactionDocument } from '../documents.ts';
import { apiErrors, type ApiErrorCode } from '../errors.ts';
import { waitSeconds } from '../prefer.ts';
import { DEFAULT_RETRY_AFTER_SECONDS, sendProblem } from '../problems.ts';
import type { SubmitOutcome } from '../service.ts';
import { checkEnvelope, isPlainCall } from '../submission.ts';
import { idParameters, problemReplies } from './schemas.ts';

type Refused = Extract<SubmitOutcome, { kind: 'refused' }>;
type Checked = ParsedEnvelope | Refused;

const isRefused = (checked: Checked): checked is Refused => 'kind' in checked;

/** Whether an unchecked body lists an envelope that is too large: told by its own code, not as a fault of form. */
const holdsOversize = (body: unknown): boolean => {
  const envelopes: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'envelopes') : undefined;
  const longest = Math.ceil(MAX_ENVELOPE_BYTES / 3) * 4;
  return (
    Array.isArray(envelopes) && envelopes.some((envelope) => typeof envelope === 'string' && envelope.length > longest)
  );
};

/** Bytes of each envelope of a request body. */
const envelopesOf = (body: Submission | Uint8Array): Uint8Array[] =>
  body instanceof Uint8Array
    ? [body]
    : body.envelopes.map((envelope, index) => fromBase64(envelope, `body.envelopes[${index}]`));

const checkAll = (context: RouteContext, bytes: readonly Uint8Array[]): Checked[] =>
  bytes.map((envelope) => {
    try {
      return checkEnvelope(envelope, context.chainId);
    } catch (error) {
      if (!(error instanceof CloisterError)) throw error;
      return { kind: 'refused', transactionId: transactionId(envelope), code: error.code as ApiErrorCode };
    }
  });

/** Sends what passed the static checks to the node and puts all outcomes back in order. */
const submitChecked = async (
  context: RouteContext,
  checked: readonly Checked[],
  options: { readonly waitMs: number; readonly source: string; readonly signal: AbortSignal },
): Promise<SubmitOutcome[]> => {
  const sound = checked.filter((item): item is ParsedEnvelope => !isRefused(item));
  const outcomes = sound.length === 0 ? [] : await context.service.submit(sound, options);
  let next = 0;
  return checked.map((item) => {
    if (isRefused(item)) return item;
    const outcome = outcomes[next];
    next += 1;
    if (outcome === undefined) throw apiErrors.error('INTERNAL');
    return outcome;
  });
};

/** The code of a reply in which every envelope was refused for one reason; it becomes the reply's problem. */
const commonRefusal = (outcomes: readonly SubmitOutcome[]): Refused | undefined => {
  const first = outcomes[0];
  if (first?.kind !== 'refused') return undefined;
  return outcomes.every((outcome) => outcome.kind === 'refused' && outcome.code === first.code) ? first : undefined;
};

const retryAfter = (outcomes: readonly SubmitOutcome[]): number | undefined => {
  const times = outcomes.flatMap((outcome) =>
    outcome.kind === 'refused' && apiErrors.table[outcome.code].retryable
      ? [outcome.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS]
      : [],
  );
  return times.length === 0 ? undefined : Math.max(...times);
};

const answer = (reply: FastifyReply, outcomes: readonly SubmitOutcome[]): FastifyReply => {
  const wait = retryAfter(outcomes);
  const refusal = commonRefusal(outcomes);
  if (refusal !== undefined) {
    return sendProblem(reply, apiErrors.error(refusal.code, wait === undefined ? {} : { retryAfterSeconds: wait }));
  }
  if (wait !== undefined) reply.header('retry-after', String(wait));
  const pending = outcomes.some((outcome) => outcome.kind === 'accepted');
  return reply.code(pending ? 202 : 200).send(submitReply(outcomes));
};

const submissionSchema = {
  summary: 'Submit sealed envelopes',
  description:
    'One to 256 envelopes, or one as bytes. With `Prefer: wait=<seconds>` the certified results and receipts come in ' +
    'the same reply; what is not committed in time is `accepted`. Sending an envelope again is always safe.',
  tags: ['transactions'],
  consumes: ['application/json', BYTES_MEDIA_TYPE],
  headers: {
    type: 'object',
    properties: { prefer: { type: 'string', maxLength: 256, description: 'wait=<seconds>, at most 60' } },
  },
  response: {
    200: submitReplyShape.schema,
    202: submitReplyShape.schema,
    ...problemReplies(400, 409, 413, 415, 422, 503),
  },
};

const submissionBody = {
  body: {
    content: {
      'application/json': { schema: submissionShape.schema },
      [BYTES_MEDIA_TYPE]: { schema: {} },
    },
  },
};

interface ById {
  readonly Params: { readonly id: TransactionId };
}

const addReaders = (app: FastifyInstance, { service }: RouteContext): void => {
  const found = async (id: TransactionId) => {
    const known = await service.transaction(id);
    if (known === undefined) throw apiErrors.error('UNKNOWN_TRANSACTION');
    return known;
  };
  app.get<ById>(
    '/v1/transactions/:id',
    {
      schema: {
        summary: 'A transaction',
        tags: ['transactions'],
        params: idParameters,
        response: { 200: transactionShape.schema, ...problemReplies(400, 404) },
      },
    },
    async (request) => transactionDocument(await found(request.params.id)),
  );
  app.get<ById>(
    '/v1/receipts/:id',
    {
      schema: {
        summary: 'The receipt file of a transaction, verifiable offline',
        tags: ['transactions'],
        params: idParameters,
        response: { 200: jsonObject('A receipt file').schema, ...problemReplies(400, 404) },
      },
    },
    async (request) => {
      const known = await found(request.params.id);
      if (known.kind === 'pending') throw apiErrors.error('RECEIPT_NOT_READY');
      const { receipt, index, path, block } = known;
      const { signerEpoch } = decode(resultCertificateCodec, block.certificate, MAX_RESULT_CERTIFICATE_BYTES);
      return receiptFileOf(service.genesis, {
        epochs: service.epochProofs(1, signerEpoch - 1),
        receipt,
        index,
        path,
        count: block.count,
        certificate: block.certificate,
      });
    },
  );
};

/** Adds the routes about transactions. */
export const transactionRoutes = (app: FastifyInstance, context: RouteContext): void => {
  app.post<{ Body: Submission | Uint8Array }>(
    '/v1/transactions',
    {
      bodyLimit: MAX_SUBMISSION_BYTES,
      schema: { ...submissionSchema, ...submissionBody },
      preValidation: async (request: FastifyRequest) => {
        // Without content type the framework neither reads nor checks a body.
        if (request.body === undefined) throw apiErrors.error('BAD_REQUEST');
        if (isPlainCall(request.body)) throw apiErrors.error('TX_NOT_ENCRYPTED');
        if (holdsOversize(request.body)) throw apiErrors.error('TX_TOO_LARGE');
      },
    },
    async (request, reply) => {
      const checked = checkAll(context, envelopesOf(request.body));
      const seconds = waitSeconds(request.headers['prefer']);
      if (seconds > 0) reply.header('preference-applied', `wait=${seconds}`);
      const signal = requestSignal(context, reply);
      const outcomes = await submitChecked(context, checked, { waitMs: seconds * 1000, source: request.ip, signal });
      return answer(reply, outcomes);
    },
  );
  addReaders(app, context);
};
