/**
 * Problem documents (RFC 9457): the one shape of every error that leaves the API.
 *
 * A document carries a stable code, a sentence and a next step; never a stack, a file name or a part of the request
 * beyond the path of the offending field. Unknown failures are logged under the instance id and answered as INTERNAL.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { PROBLEM_MEDIA_TYPE, type Problem } from '../../protocol/api.ts';
import { CloisterError } from '../../protocol/errors.ts';
import { describeError, type Logger } from '../logger.ts';
import { apiErrors, type ApiErrorCode } from './errors.ts';

/** Seconds after which a client may repeat a refused retryable request, unless the service knows better. */
export const DEFAULT_RETRY_AFTER_SECONDS = 1;

const MAX_DETAIL_LENGTH = 256;

/** The document of a failure with a status. */
export const problemOf = (error: CloisterError, instance: string, detail?: string): Problem => ({
  type: `https://cloister.invalid/errors#${error.code}`,
  title: error.message,
  status: error.status ?? 500,
  code: error.code,
  retryable: error.retryable,
  hint: error.hint,
  ...(detail !== undefined && { detail: detail.slice(0, MAX_DETAIL_LENGTH) }),
  instance,
});

/** Codes of the HTTP framework that mean something to a client. */
const frameworkCodes: Readonly<Record<string, ApiErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'REQUEST_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'BAD_REQUEST',
  FST_ERR_CTP_INVALID_JSON_BODY: 'BAD_REQUEST',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BAD_REQUEST',
  FST_ERR_BAD_URL: 'BAD_REQUEST',
};

const validationDetail = (error: FastifyError): string | undefined => {
  const first = error.validation?.[0];
  return first === undefined
    ? undefined
    : `${error.validationContext ?? 'request'}${first.instancePath}: ${first.keyword}`;
};

interface Judged {
  readonly error: CloisterError;
  readonly detail?: string | undefined;
}

const judge = (error: unknown): Judged => {
  if (error instanceof CloisterError) {
    return error.status === undefined ? { error: apiErrors.error('INTERNAL', {}, error) } : { error };
  }
  const framework = error as Partial<FastifyError>;
  if (framework.validation !== undefined) {
    return { error: apiErrors.error('BAD_REQUEST'), detail: validationDetail(framework as FastifyError) };
  }
  const code = frameworkCodes[framework.code ?? ''];
  if (code !== undefined) return { error: apiErrors.error(code) };
  const status = framework.statusCode ?? 500;
  return { error: apiErrors.error(status >= 400 && status < 500 ? 'BAD_REQUEST' : 'INTERNAL', {}, error) };
};

/** Answers with a problem document. */
export const sendProblem = (reply: FastifyReply, error: CloisterError, detail?: string): FastifyReply => {
  const problem = problemOf(error, reply.request.id, detail);
  if (problem.status === 429 || problem.status === 503) {
    const known = error.data['retryAfterSeconds'];
    reply.header('retry-after', String(typeof known === 'number' ? known : DEFAULT_RETRY_AFTER_SECONDS));
  }
  return reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(problem);
};

/** The error handler of a server: judges, logs what is the node's own fault, answers. */
export const problemHandler =
  (log: Logger) =>
  (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void => {
    const { error, detail } = judge(thrown);
    if (error.status === 500) log.error({ instance: request.id, failure: describeError(thrown) }, 'request failed');
    sendProblem(reply, error, detail);
  };
