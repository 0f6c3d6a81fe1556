/** Changes of the configuration: proposed, signed by members step by step, and carried out by agreement. */
import type { FastifyInstance } from 'fastify';
import {
  pendingChangeShape,
  pendingChangesShape,
  proposalShape,
  type ProposalSubmission,
} from '../../../protocol/api.ts';
import { governanceTransactionCodec } from '../../../protocol/consensus/governance.ts';
import { decodeOrUndefined } from '../../../protocol/foreign.ts';
import { fromBase64 } from '../../../protocol/json-shape.ts';
import type { RouteContext } from '../context.ts';
import { pendingChange } from '../documents.ts';
import { apiErrors } from '../errors.ts';
import { noQuery, problemReplies } from './schemas.ts';

/** Adds the routes about governance. */
export const governanceRoutes = (app: FastifyInstance, { service }: RouteContext): void => {
  app.post<{ Body: ProposalSubmission }>(
    '/v1/governance',
    {
      schema: {
        summary: 'Propose a change of the configuration, or add signatures to one',
        description: 'Signatures of the same change list are merged; complete ones go into a block.',
        tags: ['governance'],
        querystring: noQuery,
        body: proposalShape.schema,
        response: { 200: pendingChangeShape.schema, ...problemReplies(400, 409, 413, 415) },
      },
    },
    async (request) => {
      const transaction = decodeOrUndefined(governanceTransactionCodec, fromBase64(request.body.transaction));
      if (transaction === undefined) throw apiErrors.error('GOVERNANCE_MALFORMED');
      return pendingChange(service.propose(transaction));
    },
  );
  app.get(
    '/v1/governance',
    {
      schema: {
        summary: 'Changes of the configuration that wait',
        tags: ['governance'],
        querystring: noQuery,
        response: { 200: pendingChangesShape.schema, ...problemReplies(400) },
      },
    },
    async () => ({ changes: service.pendingChanges().map(pendingChange) }),
  );
};
