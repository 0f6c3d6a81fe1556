/**
 * A running network of real processes as tests see it: waiting for events with a deadline, what every node says of
 * itself, and diagnostics when a deadline passes. No test waits for time to pass; all of them wait here.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeStatus } from '../../protocol/api.ts';
import type { LocalNetwork } from '../../testnet/local-network.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';

const POLL_MS = 50;
const PROBE_TIMEOUT_MS = 3_000;
const TAIL_LINES = 12;

/** What a test needs of a network to look at it. */
export type Watched = Pick<LocalNetwork, 'nodes'>;

const getText = async (url: string): Promise<{ readonly status: number; readonly text: string } | undefined> => {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
};

/** `/v1/status` of a node; undefined while it does not answer. */
export const statusOf = async (node: Pick<NodeProcess, 'api'>): Promise<NodeStatus | undefined> => {
  const answer = await getText(`${node.api}/v1/status`);
  return answer?.status === 200 ? (JSON.parse(answer.text) as NodeStatus) : undefined;
};

/** `/readyz` of a node; undefined while it does not answer. */
export const readinessOf = async (
  node: Pick<NodeProcess, 'operations'>,
): Promise<
  { readonly httpStatus: number; readonly ready: boolean; readonly reasons: readonly string[] } | undefined
> => {
  const answer = await getText(`${node.operations}/readyz`);
  if (answer === undefined) return undefined;
  return { httpStatus: answer.status, ...(JSON.parse(answer.text) as { ready: boolean; reasons: string[] }) };
};

/** The metrics text of a node; empty while it does not answer. */
export const metricsOf = async (node: Pick<NodeProcess, 'operations'>): Promise<string> =>
  (await getText(`${node.operations}/metrics`))?.text ?? '';

/** Sum of every series of a metric, whose labels match. */
export const metricSum = (text: string, name: string, label = ''): number =>
  text
    .split('\n')
    .filter((line) => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);

const tail = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  } catch {
    return '(no log)';
  }
};

/** The last status, readiness and log lines of every node. */
export const diagnose = async ({ nodes }: Watched): Promise<string> => {
  const parts = await Promise.all(
    nodes.map(async (node) => {
      const [status, readiness] = await Promise.all([statusOf(node), readinessOf(node)]);
      return [
        `--- ${node.name}: ${node.isRunning ? 'running' : 'not running'}`,
        `readyz ${JSON.stringify(readiness)}`,
        `status ${JSON.stringify(status)}`,
        tail(node.logFile),
        tail(`${node.home}/stderr.log`),
      ].join('\n');
    }),
  );
  return parts.join('\n');
};

/**
 * Polls until the probe gives a value that is neither undefined nor false, and returns it. Fails with the diagnosis of
 * the network when the deadline passes.
 */
export const eventually = async <T>(
  network: Watched,
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 30_000,
): Promise<T> => {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline)
      throw new Error(`not within ${deadlineMs} ms: ${what}\n${await diagnose(network)}`);
    await delay(POLL_MS);
  }
};

/** Waits until these nodes say that they are ready. */
export const untilReady = (
  network: Watched,
  nodes: readonly NodeProcess[] = network.nodes,
  deadlineMs = 30_000,
): Promise<true> =>
  eventually(
    network,
    `ready: ${nodes.map(({ name }) => name).join(', ')}`,
    async () =>
      (await Promise.all(nodes.map(readinessOf))).every((readiness) => readiness?.ready === true) || undefined,
    deadlineMs,
  );

/** State root after a height as a node tells it in its certified block; undefined before. */
export const rootAt = async (node: Pick<NodeProcess, 'api'>, height: number): Promise<string | undefined> => {
  const answer = await getText(`${node.api}/v1/blocks/${height}`);
  if (answer?.status !== 200) return undefined;
  return (JSON.parse(answer.text) as { block: { stateRoot?: string } }).block.stateRoot;
};

/** Waits until every node has executed the newest height that any has now, and returns it with the one state root. */
export const untilSameState = async (
  network: Watched,
  deadlineMs = 30_000,
): Promise<{ readonly height: number; readonly stateRoot: string }> => {
  const statuses = await Promise.all(network.nodes.map(statusOf));
  const height = Math.max(...statuses.map((status) => status?.executedHeight ?? 0));
  const roots = await eventually(
    network,
    `certified state of height ${height} at every node`,
    async () => {
      const known = await Promise.all(network.nodes.map((node) => rootAt(node, height)));
      return known.every((root) => root !== undefined) ? known : undefined;
    },
    deadlineMs,
  );
  const distinct = new Set(roots);
  const [stateRoot] = roots;
  if (distinct.size !== 1 || stateRoot === undefined) {
    throw new Error(`state roots differ at height ${height}: ${roots.join(', ')}\n${await diagnose(network)}`);
  }
  return { height, stateRoot };
};

/** Pieces of evidence that any node counts. */
export const evidenceCount = async ({ nodes }: Watched): Promise<number> => {
  const texts = await Promise.all(nodes.map(metricsOf));
  return texts.reduce((sum, text) => sum + metricSum(text, 'cloister_node_evidence_total'), 0);
};
