/** `cloister status`: what nodes say of themselves. Exit code 4 when one of them does not answer. */
import type { NodeStatus } from '../../protocol/api.ts';
import { statusShape } from '../../protocol/api.ts';
import { CloisterError } from '../../protocol/errors.ts';
import { exitCodes } from '../../node/exit-codes.ts';
import { NodeClient } from '../../wallet/transport.ts';
import { columns, type OutputOptions, printResult } from '../output.ts';
import { urlsOfDirectory } from '../network-access.ts';

interface StatusOptions extends OutputOptions {
  readonly dir?: string | undefined;
  readonly url?: readonly string[] | undefined;
}

type Row = { readonly url: string; readonly status: NodeStatus } | { readonly url: string; readonly error: string };

const DEFAULT_URL = 'http://127.0.0.1:17701';
const MAX_STATUS_BYTES = 64 * 1024;

const ask = async (url: string): Promise<Row> => {
  const client = new NodeClient([url], (input, init) => globalThis.fetch(input, init));
  try {
    return { url, status: await client.get('/v1/status', statusShape, MAX_STATUS_BYTES) };
  } catch (error) {
    return { url, error: error instanceof CloisterError ? error.code : 'NODE_UNREACHABLE' };
  }
};

const cells = (row: Row): string[] => {
  if ('error' in row) return [row.url, '-', row.error];
  const { status } = row;
  const { peers, mempool } = status;
  return [
    row.url,
    status.name === '' ? '-' : status.name,
    status.role,
    String(status.epoch),
    status.ready ? 'ready' : status.reasons.join(', '),
    String(status.finalizedHeight),
    String(status.executedHeight),
    String(status.certifiedHeight),
    `${peers.connected}/${peers.validators}`,
    String(mempool.transactions),
    (status.stateRoot ?? '-').slice(0, 12),
  ];
};

/** Runs the command. */
export const run = async (options: StatusOptions): Promise<number> => {
  const urls =
    options.url ??
    (options.dir === undefined ? [DEFAULT_URL] : (await urlsOfDirectory(options.dir)).map(({ url }) => url));
  const rows = await Promise.all(urls.map(ask));
  const [known] = rows.flatMap((row) => ('status' in row ? [row.status] : []));
  const heading = [
    'API',
    'NODE',
    'ROLE',
    'EPOCH',
    'STATE',
    'FINAL',
    'EXECUTED',
    'CERTIFIED',
    'PEERS',
    'WAITING',
    'STATE ROOT',
  ];
  const introduction =
    known === undefined ? [] : [`Network ${known.network}, chain ${known.chainId}`, known.notice, ''];
  const platform =
    known === undefined ? {} : { chainId: known.chainId, platform: known.platform, notice: known.notice };
  printResult(options, { ...platform, nodes: rows }, [...introduction, ...columns(heading, rows.map(cells))]);
  return rows.every((row) => 'status' in row) ? exitCodes.ok : exitCodes.unreachable;
};
