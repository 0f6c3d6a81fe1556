/**
 * Queries: sealed reads at the last executed height.
 *
 * Invariants: nothing is written; the answer names height, state root and time of exactly the state that was read and
 * is sealed to the caller alone; whoever is not the caller learns only whether the query could be opened.
 */
import type { Outcome } from '../../protocol/call.ts';
import type { ChainPoint } from '../../protocol/consensus/configuration.ts';
import { type OpenedQuery, openQuery } from '../../protocol/query-open.ts';
import { type Answer, answerFits, sealAnswer } from '../../protocol/query.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import { queryHost } from './contract-host.ts';
import { deploymentOf, SYSTEM_CONTRACT } from './contract-registry.ts';
import { openingKeys, type Replica } from './replica.ts';
import { runSystemQuery } from './system-contract.ts';

type Asked = Extract<OpenedQuery, { verdict: 'query' }>;

function outcomeOf(replica: Replica, { call, caller }: Asked, point: ChainPoint): Outcome {
  if (call.contract === SYSTEM_CONTRACT) return runSystemQuery(call, replica.state).outcome;
  const { machine, state } = replica;
  const deployment = deploymentOf(state, call.contract);
  const image = deployment && machine.images.image(state, deployment.codeHash);
  if (image === undefined) return { kind: 'failed', code: 'UNKNOWN_CONTRACT' };
  const context = { caller, height: point.height, timeMs: point.timeMs, transactionId: '' };
  const request = { entry: 'query', method: call.method, args: call.args, context } as const;
  const result = machine.vm.run(image, request, queryHost(call.contract, state), replica.parameters.maxGasPerCall);
  if (result.status === 'failed') return { kind: 'failed', code: result.code };
  if (result.status === 'refused') return { kind: 'refused', reason: result.reason, detail: result.detail };
  return { kind: 'ok', result: result.result };
}

/** Answers a sealed query at the last executed point. Throws QUERY_REFUSED when it cannot be opened. */
export function answerQuery(replica: Replica, point: ChainPoint, sealedQuery: Uint8Array): Uint8Array {
  const opened = openQuery(sealedQuery, openingKeys(replica, replica.state, point.height));
  if (opened.verdict === 'rejected') throw enclaveErrors.error('QUERY_REFUSED');
  const place = { height: point.height, stateRoot: replica.state.root(), timeMs: point.timeMs };
  const answer: Answer = { ...place, outcome: outcomeOf(replica, opened, point) };
  return sealAnswer(
    answerFits(answer) ? answer : { ...place, outcome: { kind: 'failed', code: 'RESULT_TOO_LARGE' } },
    opened.binding,
  );
}
