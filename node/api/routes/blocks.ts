/** Final blocks: by height, and as a resumable stream of events. */
import type { FastifyInstance } from 'fastify';
import { blockShape, blockSummaryShape } from '../../../protocol/api.ts';
import { height } from '../../../protocol/brand.ts';
import { streamBlocks } from '../block-stream.ts';
import { type RouteContext, requestSignal } from '../context.ts';
import { blockDocument } from '../documents.ts';
import { apiErrors } from '../errors.ts';
import { RequestGuard } from '../request-guard.ts';
import { heightText, problemReplies } from './schemas.ts';

const addBlock = (app: FastifyInstance, context: RouteContext): void => {
  app.get<{ Params: { height: string } }>(
    '/v1/blocks/:height',
    {
      schema: {
        summary: 'A final block',
        tags: ['blocks'],
        params: {
          type: 'object',
          properties: { height: heightText },
          required: ['height'],
          additionalProperties: false,
        },
        response: { 200: blockShape.schema, ...problemReplies(400, 404) },
      },
    },
    async (request) => {
      const block = await context.service.block(height(Number(request.params.height)));
      if (block === undefined) throw apiErrors.error('UNKNOWN_BLOCK');
      return blockDocument(block);
    },
  );
};

/** First height of a stream: after the last event seen, else as asked for, else what comes next. */
const firstHeight = (lastEventId: string | undefined, from: string | undefined, head: number): number => {
  if (lastEventId !== undefined) return Number(lastEventId) + 1;
  if (from !== undefined) return Math.max(1, Number(from));
  return head + 1;
};

/** Adds the routes about blocks. */
export const blockRoutes = (app: FastifyInstance, context: RouteContext): void => {
  const { service, limits } = context;
  const streams = new RequestGuard(limits.streamsPerAddress);
  addBlock(app, context);
  app.get<{ Querystring: { from?: string }; Headers: { 'last-event-id'?: string } }>(
    '/v1/blocks',
    {
      schema: {
        summary: 'Stream of final blocks (Server-Sent Events)',
        description:
          'Event ids are heights; `Last-Event-ID` or `from` resumes from the ledger. Slow clients are dropped and may resume.',
        tags: ['blocks'],
        querystring: { type: 'object', properties: { from: heightText }, additionalProperties: false },
        headers: { type: 'object', properties: { 'last-event-id': heightText } },
        response: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: blockSummaryShape.schema } } },
          ...problemReplies(400),
        },
      },
    },
    async (request, reply) => {
      const leave = streams.enter(request.ip);
      if (leave === undefined) throw apiErrors.error('TOO_MANY_REQUESTS');
      const signal = requestSignal(context, reply);
      const from = firstHeight(request.headers['last-event-id'], request.query.from, service.head());
      reply.hijack();
      try {
        await streamBlocks(service, reply.raw, from, signal, limits);
      } catch {
        reply.raw.destroy();
      } finally {
        leave();
      }
    },
  );
};
