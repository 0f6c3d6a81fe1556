/** What the network is and how this node is doing. */
import type { FastifyInstance } from 'fastify';
import { epochsShape, networkShape, statusShape } from '../../../protocol/api.ts';
import type { RouteContext } from '../context.ts';
import { epochsDocument, networkDocument } from '../documents.ts';
import { apiErrors } from '../errors.ts';
import { heightText, noQuery, problemReplies } from './schemas.ts';

/** Adds the routes about network and node. */
export const networkRoutes = (app: FastifyInstance, { service }: RouteContext): void => {
  app.get(
    '/v1/network',
    {
      schema: {
        summary: 'Genesis and signed epoch keys, for verification by the wallet',
        tags: ['network'],
        querystring: noQuery,
        response: { 200: networkShape.schema, ...problemReplies(400, 503) },
      },
    },
    async () => {
      const document = networkDocument(service);
      if (document.epochKeys.length === 0) throw apiErrors.error('NOT_READY');
      return document;
    },
  );
  app.get<{ Querystring: { from: string } }>(
    '/v1/epochs',
    {
      schema: {
        summary: 'Proofs of the changes of validators, from an epoch on',
        description: 'Each proof ends one epoch; verify them in order from the genesis. Ask again from the last one.',
        tags: ['network'],
        querystring: {
          type: 'object',
          properties: { from: heightText },
          required: ['from'],
          additionalProperties: false,
        },
        response: { 200: epochsShape.schema, ...problemReplies(400) },
      },
    },
    async (request) => epochsDocument(service, Math.max(1, Number(request.query.from))),
  );
  app.get(
    '/v1/status',
    {
      schema: {
        summary: 'Status of this node',
        tags: ['network'],
        querystring: noQuery,
        response: { 200: statusShape.schema, ...problemReplies(400) },
      },
    },
    async () => service.status(),
  );
};
