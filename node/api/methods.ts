/** Wrong methods on known paths: 405 with the methods that there are, instead of "no such route". */
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { apiErrors } from './errors.ts';

/**
 * Watches the routes of a server from now on; the function that it returns refuses every other method on their paths.
 * OPTIONS stays with the routes that answer browsers.
 */
export const refuseOtherMethods = (app: FastifyInstance): (() => void) => {
  const known = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    known.set(url, methods);
  });
  return () => {
    for (const [url, methods] of [...known]) {
      const allow = [...methods].join(', ');
      app.route({
        url,
        method: app.supportedMethods.filter((method) => !methods.has(method) && method !== 'OPTIONS') as HTTPMethods[],
        schema: { hide: true },
        // Before a body is read: it was meant for something else.
        onRequest: async (_request, reply) => {
          reply.header('allow', allow);
          throw apiErrors.error('METHOD_NOT_ALLOWED');
        },
        handler: () => undefined,
      });
    }
  };
};
