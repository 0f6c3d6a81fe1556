/**
 * Queries: asked again, at the next node if there is one, until the answer is of this query, not older than what the
 * wallet has seen, and not of another state than a certificate names.
 */
import { BYTES_MEDIA_TYPE } from '../protocol/api.ts';
import type { StateRoot } from '../protocol/brand.ts';
import { CloisterError } from '../protocol/errors.ts';
import { MAX_OUTPUT_BYTES } from '../protocol/limits.ts';
import { type Answer, openAnswer, type SealedQuery } from '../protocol/query.ts';
import { walletErrors } from './errors.ts';
import type { NetworkInternals } from './internals.ts';
import { resultOf } from './outcome.ts';
import { pause } from './scheduling.ts';
import { retryAfterOf } from './transport.ts';

/** What a query answered, and of when. */
export interface QueryResult<Result = unknown> {
  readonly result: Result;
  readonly height: number;
  readonly stateRoot: StateRoot;
  /** Consensus time of that height, ms since the Unix epoch. */
  readonly timeMs: number;
  readonly simulated: boolean;
}

const QUERY_TIMEOUT_MS = 15_000;
/** How long a query goes on asking for a better answer, ms. */
const PERSISTENCE_MS = 3_000;
const FIRST_RETRY_MS = 10;
const MAX_RETRY_MS = 500;

const askOnce = async (network: NetworkInternals, query: SealedQuery): Promise<Answer> => {
  const { bytes } = await network.client.send({
    method: 'POST',
    path: '/v1/queries',
    headers: { 'content-type': BYTES_MEDIA_TYPE },
    body: query.bytes.slice(),
    timeoutMs: QUERY_TIMEOUT_MS,
    maxAnswerBytes: MAX_OUTPUT_BYTES,
  });
  const opened = openAnswer(bytes, query.binding);
  if (opened.verdict === 'opened') return network.checkFreshness(opened.answer);
  network.client.useNext();
  throw walletErrors.error('ANSWER_MALFORMED', { rule: opened.code });
};

/** A node that lags does not know a new session yet; a node that lied is asked again only when there is another. */
const isWorthAnother = (failure: unknown, nodes: number): failure is CloisterError => {
  if (!(failure instanceof CloisterError)) return false;
  if (failure.code === 'ANSWER_MALFORMED') return nodes > 1;
  return failure.retryable || failure.code === 'QUERY_REFUSED';
};

/** Asks with freshly sealed queries. Rejects with CallRefused, CallFailed or the last failure. */
export const ask = async <Result>(network: NetworkInternals, seal: () => SealedQuery): Promise<QueryResult<Result>> => {
  const deadline = performance.now() + PERSISTENCE_MS;
  for (let wait = FIRST_RETRY_MS; ; wait = Math.min(wait * 2, MAX_RETRY_MS)) {
    let answer: Answer;
    try {
      answer = await askOnce(network, seal());
    } catch (failure) {
      if (!isWorthAnother(failure, network.client.nodes) || performance.now() + wait >= deadline) throw failure;
      await pause((retryAfterOf(failure) ?? 0) * 1000 || wait);
      continue;
    }
    const { height, stateRoot, timeMs, outcome } = answer;
    return { result: resultOf(outcome) as Result, height, stateRoot, timeMs, simulated: network.verified.simulated };
  }
};
