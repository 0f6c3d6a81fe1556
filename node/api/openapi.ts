/** Head of the OpenAPI 3.1 document; the rest is generated from the routes' schemas. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

/** Options of the generator. */
export const openApiOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Cloister node API',
      version: '1',
      description:
        'Everything that passes here is public or sealed. Clients trust no answer as such: they verify certificates, ' +
        'signed statements and Merkle paths against the chain id.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'transactions', description: 'Sealed calls and their receipts' },
      { name: 'queries', description: 'Sealed questions to contracts' },
      { name: 'blocks', description: 'Final blocks' },
      { name: 'network', description: 'Genesis, keys, status' },
    ],
  },
  hideUntagged: true,
};
