/** The operations listener: liveness, readiness and metrics, on an address of its own (loopback by default). */
import { fastify, type FastifyInstance } from 'fastify';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../logger.ts';
import { apiErrors } from './errors.ts';
import { refuseOtherMethods } from './methods.ts';
import { problemHandler, sendProblem } from './problems.ts';
import type { Readiness } from './service.ts';

/** What operations may ask. */
export interface OperationsOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
  readonly ready: () => Readiness;
  /** Metrics in the text format of Prometheus. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

const MAX_CONNECTIONS = 64;

/** The running operations listener. */
export class OperationsServer implements AsyncDisposable {
  readonly #app: FastifyInstance;

  private constructor(app: FastifyInstance) {
    this.#app = app;
  }

  /** Starts listening. */
  static async start(options: OperationsOptions): Promise<OperationsServer> {
    const app = fastify({
      logger: false,
      bodyLimit: 1024,
      requestTimeout: 10_000,
      forceCloseConnections: true,
      exposeHeadRoutes: true,
    });
    app.server.maxConnections = MAX_CONNECTIONS;
    app.setErrorHandler(problemHandler(options.log));
    app.setNotFoundHandler((_request, reply) => sendProblem(reply, apiErrors.error('UNKNOWN_ROUTE')));
    const refuseOthers = refuseOtherMethods(app);
    app.get('/livez', async () => ({ live: true }));
    app.get('/readyz', async (_request, reply) => {
      const readiness = options.ready();
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    });
    app.get('/metrics', async (_request, reply) => {
      const { contentType, text } = await options.metrics();
      return reply.type(contentType).send(text);
    });
    refuseOthers();
    try {
      await app.listen({ host: options.host, port: options.port });
    } catch (error) {
      await app.close();
      throw error;
    }
    return new OperationsServer(app);
  }

  /** Port that it listens on. */
  get port(): number {
    return (this.#app.server.address() as AddressInfo).port;
  }

  /** Closes the listener. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#app.close();
  }
}
