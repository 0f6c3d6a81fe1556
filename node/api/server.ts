/**
 * The client API: one fastify server over the narrow service interface.
 *
 * Requests are checked against schemas that also make `/v1/openapi.json`; unknown fields are refused. Answers are built
 * by `documents.ts` and go out as they are. There are no cookies or credentials, so any origin may call: what a
 * caller may do is decided inside the enclave by the keys that it holds.
 */
import swagger from '@fastify/swagger';
import { fastify, type FastifyInstance } from 'fastify';
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { BYTES_MEDIA_TYPE, MAX_SUBMISSION_BYTES, PROBLEM_MEDIA_TYPE } from '../../protocol/api.ts';
import { chainIdOf } from '../../protocol/genesis.ts';
import type { Logger } from '../logger.ts';
import { type ApiLimits, defaultApiLimits, type RouteContext } from './context.ts';
import { apiErrors } from './errors.ts';
import { openApiOptions } from './openapi.ts';
import { refuseOtherMethods } from './methods.ts';
import { problemHandler, problemOf, sendProblem } from './problems.ts';
import { RequestGuard } from './request-guard.ts';
import { blockRoutes } from './routes/blocks.ts';
import { governanceRoutes } from './routes/governance.ts';
import { networkRoutes } from './routes/network.ts';
import { queryRoutes } from './routes/queries.ts';
import { transactionRoutes } from './routes/transactions.ts';
import type { ApiService } from './service.ts';

/** What the client API needs. */
export interface ApiServerOptions {
  readonly service: ApiService;
  readonly log: Logger;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits?: Partial<ApiLimits>;
}

const MAX_HEADER_BYTES = 16 * 1024;
const SMALL_BODY_BYTES = 4 * 1024;

/** Answers bytes that are not HTTP, or that did not arrive in time, and closes. */
const answerBrokenClient = (error: Error & { code?: string }, socket: Socket): void => {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const failure = apiErrors.error(error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'REQUEST_TIMEOUT' : 'BAD_REQUEST');
  const problem = problemOf(failure, randomUUID());
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
};

const createApp = (limits: ApiLimits): FastifyInstance =>
  fastify({
    logger: false,
    bodyLimit: SMALL_BODY_BYTES,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: 65_000,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 64 },
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    exposeHeadRoutes: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, apiErrors.error('BAD_REQUEST', {}, error));
    },
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      requestTimeout: limits.requestTimeoutMs,
      headersTimeout: Math.min(limits.requestTimeoutMs, 10_000),
      connectionsCheckingInterval: Math.min(limits.requestTimeoutMs, 10_000),
    },
    clientErrorHandler: answerBrokenClient,
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allErrors: false,
        strict: false,
      },
    },
  });

/** Bounds what one address has in progress, and lets browsers of any origin in. */
const addGuards = (app: FastifyInstance, limits: ApiLimits): void => {
  const guard = new RequestGuard(limits.requestsPerAddress);
  app.server.maxConnections = limits.connections;
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'access-control-allow-origin': '*',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    const leave = guard.enter(request.ip);
    if (leave === undefined) throw apiErrors.error('TOO_MANY_REQUESTS');
    reply.raw.once('close', leave);
  });
  app.options('/v1/*', { schema: { hide: true } }, async (_request, reply) =>
    reply
      .headers({
        'access-control-allow-methods': 'GET, POST',
        'access-control-allow-headers': 'content-type, prefer, last-event-id',
        'access-control-max-age': '86400',
      })
      .code(204)
      .send(),
  );
};

const addContentTypes = (app: FastifyInstance): void => {
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser(
    BYTES_MEDIA_TYPE,
    { parseAs: 'buffer', bodyLimit: MAX_SUBMISSION_BYTES },
    (_request, body, done) => {
      const bytes = body as Buffer;
      done(null, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    },
  );
  app.setSerializerCompiler(() => (document) => JSON.stringify(document));
};

/** The running client API. */
export class ApiServer implements AsyncDisposable {
  readonly #app: FastifyInstance;
  readonly #closing: AbortController;

  private constructor(app: FastifyInstance, closing: AbortController) {
    this.#app = app;
    this.#closing = closing;
  }

  /** Starts listening; a failed start leaves nothing open. */
  static async start(options: ApiServerOptions): Promise<ApiServer> {
    const limits = { ...defaultApiLimits, ...options.limits };
    const app = createApp(limits);
    const closing = new AbortController();
    const context: RouteContext = {
      service: options.service,
      chainId: chainIdOf(options.service.genesis),
      limits,
      closing: closing.signal,
    };
    app.setErrorHandler(problemHandler(options.log));
    app.setNotFoundHandler((_request, reply) => sendProblem(reply, apiErrors.error('UNKNOWN_ROUTE')));
    addContentTypes(app);
    await app.register(swagger, openApiOptions);
    addGuards(app, limits);
    const refuseOthers = refuseOtherMethods(app);
    for (const addRoutes of [transactionRoutes, queryRoutes, blockRoutes, networkRoutes, governanceRoutes])
      addRoutes(app, context);
    app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
    refuseOthers();
    try {
      await app.listen({ host: options.host, port: options.port });
    } catch (error) {
      await app.close();
      throw error;
    }
    return new ApiServer(app, closing);
  }

  /** Port that it listens on. */
  get port(): number {
    return (this.#app.server.address() as AddressInfo).port;
  }

  /** Ends waiting requests and streams, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#app.close();
  }
}
