/**
 * What anybody can ask of the nodes without a key: every public document of every validator, and its metrics. Kept for
 * the leak check, together with how far the validators agree.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeStatus } from '../../protocol/api.ts';
import type { LocalNetwork } from '../../testnet/local-network.ts';
import type { Haystack } from '../leak-check/leak-check.ts';
import type { Progress } from './progress.ts';

const AGREE_TIMEOUT_MS = 30_000;
const POLL_MS = 50;
const TIMEOUT_MS = 10_000;
const RETURN_TIMEOUT_MS = 30_000;

/** State roots of all validators at one height. */
export interface Agreement {
  readonly height: number;
  readonly stateRoots: readonly string[];
}

/** Asks again for a while: a validator that was killed is being started again. */
async function get(url: string): Promise<Response> {
  const deadline = performance.now() + RETURN_TIMEOUT_MS;
  for (;;) {
    try {
      return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(POLL_MS);
    }
  }
}

/** Waits until every validator's own enclave has executed the same height; throws when that does not happen in time. */
export async function stateRootsAtOneHeight({ apis }: Pick<LocalNetwork, 'apis'>): Promise<Agreement> {
  const deadline = performance.now() + AGREE_TIMEOUT_MS;
  for (;;) {
    const statuses = await Promise.all(
      apis.map(async (api) => (await (await get(`${api}/v1/status`)).json()) as NodeStatus),
    );
    const [first] = statuses;
    if (first !== undefined && statuses.every(({ executedHeight }) => executedHeight === first.executedHeight)) {
      return { height: first.executedHeight, stateRoots: statuses.map(({ stateRoot }) => stateRoot ?? '') };
    }
    if (performance.now() > deadline) {
      const heights = statuses.map(({ executedHeight }) => executedHeight).join(', ');
      throw new Error(`The validators did not reach one height within ${AGREE_TIMEOUT_MS / 1000} s: ${heights}.`);
    }
    await delay(POLL_MS);
  }
}

/** Asks for everything public; refusals are kept like answers. */
export async function publicAnswers(
  network: LocalNetwork,
  height: number,
  progress: Progress,
): Promise<readonly Haystack[]> {
  const phase = progress.phase('Asking the nodes for everything public', height + network.nodes.length);
  const found: Haystack[] = [];
  const ask = async (url: string): Promise<string> => {
    const answer = await get(url);
    const text = await answer.text();
    found.push({
      name: `answer of ${new URL(url).pathname}`,
      bytes: Buffer.from(`${answer.status}\n${[...answer.headers].join('\n')}\n${text}`),
    });
    return text;
  };
  for (const { api, operations } of network.nodes) {
    for (const document of ['/v1/status', '/v1/network', '/v1/openapi.json', '/v1/nothing-here'])
      await ask(api + document);
    for (const page of ['/metrics', '/readyz', '/livez']) await ask(operations + page);
    phase.step();
  }
  for (let at = 1; at <= height; at++) {
    const blocks = await Promise.all(network.apis.map((api) => ask(`${api}/v1/blocks/${at}`)));
    const { transactionIds = [] } = JSON.parse(blocks[0] ?? '{}') as { readonly transactionIds?: readonly string[] };
    const [api = ''] = network.apis;
    for (const id of transactionIds)
      await Promise.all([ask(`${api}/v1/transactions/${id}`), ask(`${api}/v1/receipts/${id}`)]);
    phase.step();
  }
  phase.end();
  return found;
}
