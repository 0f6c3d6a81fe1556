/** Sealed queries: opened, answered and sealed again by the enclave; the node passes bytes. */
import type { FastifyInstance } from 'fastify';
import { BYTES_MEDIA_TYPE } from '../../../protocol/api.ts';
import { MAX_ENVELOPE_BYTES } from '../../../protocol/limits.ts';
import { type RouteContext, requestSignal } from '../context.ts';
import { apiErrors } from '../errors.ts';
import { problemReplies } from './schemas.ts';

const bytesContent = { content: { [BYTES_MEDIA_TYPE]: { schema: {} } } };

/** Adds the route for queries. */
export const queryRoutes = (app: FastifyInstance, context: RouteContext): void => {
  app.post<{ Body: unknown }>(
    '/v1/queries',
    {
      bodyLimit: MAX_ENVELOPE_BYTES,
      schema: {
        summary: 'Ask a contract, at the newest executed height',
        description: 'Body and answer are sealed bytes; height, state root and time stand inside the answer.',
        tags: ['queries'],
        consumes: [BYTES_MEDIA_TYPE],
        body: bytesContent,
        response: {
          200: { description: 'The sealed answer', ...bytesContent },
          ...problemReplies(400, 413, 415, 503),
        },
      },
      preValidation: async (request) => {
        if (!(request.body instanceof Uint8Array)) throw apiErrors.error('UNSUPPORTED_MEDIA_TYPE');
      },
    },
    async (request, reply) => {
      const outcome = await context.service.query(request.body as Uint8Array, requestSignal(context, reply));
      if (outcome.kind === 'refused') throw apiErrors.error(outcome.code);
      return reply.type(BYTES_MEDIA_TYPE).send(Buffer.from(outcome.sealedAnswer));
    },
  );
};
