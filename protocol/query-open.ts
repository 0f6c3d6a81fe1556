/** Opening of queries, by enclaves. Foreign bytes never throw: the verdict says what was asked or which rule failed. */
import type { PublicKey } from './brand.ts';
import { type Call, callCodec, signedCodec, verifyBody } from './call.ts';
import { type EnvelopeKeys, type OpenFault, receiveSealed } from './envelope-open.ts';
import { decodeOrUndefined } from './foreign.ts';
import { ENVELOPE_BUCKETS, unpad } from './padding.ts';
import {
  type AnswerBinding,
  parseQuery,
  type QueryForm,
  type QueryVerdict,
  queryFieldBytes,
  sealedAnswerBinding,
  sessionAnswerBinding,
  signedQueryCodec,
} from './query.ts';
import type { Session } from './session.ts';
import { syntheticOpen } from './synthetic-seal.ts';

/** Why a query could not be opened. */
export type QueryFault = OpenFault | Extract<QueryVerdict, { verdict: 'rejected' }>['code'];

/** What was asked: the session is present when the query came in one, and its life is the enclave's to check. */
export type OpenedQuery =
  | {
      readonly verdict: 'query';
      readonly caller: PublicKey;
      readonly call: Call;
      readonly session: Session | undefined;
      readonly binding: AnswerBinding;
    }
  | { readonly verdict: 'rejected'; readonly code: QueryFault };

type Accepted = Extract<QueryVerdict, { verdict: 'accepted' }>;
type Form<K extends QueryForm['kind']> = Extract<QueryForm, { kind: K }>;

const rejected = (code: QueryFault): OpenedQuery => ({ verdict: 'rejected', code });

const openSealed = ({ query, bytes }: Accepted, form: Form<'sealed'>, keys: EnvelopeKeys): OpenedQuery => {
  const context = receiveSealed(keys, query.keyEpoch, form, 'query');
  if (typeof context === 'string') return rejected(context);
  const publicFields = queryFieldBytes(query);
  const padded = context.open(publicFields, query.ciphertext);
  if (padded === undefined) return rejected('NOT_AUTHENTIC');
  const plain = unpad(padded, ENVELOPE_BUCKETS);
  const signed = plain && decodeOrUndefined(signedCodec, plain);
  if (signed === undefined) return rejected('CONTENT_MALFORMED');
  const body = verifyBody(signedQueryCodec, signed, 'query', query.chainId, publicFields);
  if (typeof body === 'string') return rejected(body);
  const binding = sealedAnswerBinding(context, bytes);
  return { verdict: 'query', caller: body.caller, call: body.call, session: undefined, binding };
};

const openInSession = ({ query, bytes }: Accepted, form: Form<'session'>, keys: EnvelopeKeys): OpenedQuery => {
  const session = keys.session(form.sessionId);
  if (session === undefined) return rejected('SESSION_UNKNOWN');
  const padded = syntheticOpen(session.queryKey, queryFieldBytes(query), query.ciphertext);
  if (padded === undefined) return rejected('NOT_AUTHENTIC');
  const plain = unpad(padded, ENVELOPE_BUCKETS);
  const call = plain && decodeOrUndefined(callCodec, plain);
  if (call === undefined) return rejected('CONTENT_MALFORMED');
  const binding = sessionAnswerBinding(session, bytes);
  return { verdict: 'query', caller: session.caller, call, session, binding };
};

/** Opens the bytes of a query with the keys of this enclave. */
export const openQuery = (foreign: Uint8Array, keys: EnvelopeKeys): OpenedQuery => {
  const parsed = parseQuery(foreign, keys.chainId);
  if (parsed.verdict === 'rejected') return parsed;
  const { form } = parsed.query;
  return form.kind === 'sealed' ? openSealed(parsed, form, keys) : openInSession(parsed, form, keys);
};
