/** Pieces of JSON Schema that several routes use. */
import { PROBLEM_MEDIA_TYPE, problemShape } from '../../../protocol/api.ts';
import { jsonHex, type JsonSchema } from '../../../protocol/json-shape.ts';

/** Path parameters of a transaction. */
export const idParameters: JsonSchema = {
  type: 'object',
  properties: { id: jsonHex(32, 'Transaction id').schema },
  required: ['id'],
  additionalProperties: false,
};

/** A height as it stands in a URL. */
export const heightText: JsonSchema = {
  type: 'string',
  pattern: '^(0|[1-9][0-9]{0,14})$',
  description: 'A block height',
};

/** No query parameters. */
export const noQuery: JsonSchema = { type: 'object', properties: {}, additionalProperties: false };

const titles: Readonly<Record<number, string>> = {
  400: 'The request is not acceptable',
  404: 'Not found',
  405: 'The route does not have that method; see Allow',
  408: 'The request did not arrive in time',
  409: 'It breaks a rule',
  413: 'Too large',
  415: 'Unknown media type',
  422: 'The envelope is refused',
  429: 'Too much at once; see Retry-After',
  500: 'The node failed',
  503: 'Not ready',
};

/** What any request may be answered, whatever its route. */
const ALWAYS = [405, 408, 429, 500];

/** Response schemas of problem documents: those of a route, and those that every route may give. */
export const problemReplies = (...statuses: readonly number[]): Record<number, JsonSchema> =>
  Object.fromEntries(
    [...statuses, ...ALWAYS].map((status) => [
      status,
      { description: titles[status] ?? 'Failure', content: { [PROBLEM_MEDIA_TYPE]: { schema: problemShape.schema } } },
    ]),
  );
