/** Logger and metrics of the node: nothing secret in a line, names and labels closed, counting without a global. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { loggerOver, roomLogger } from '../../../node/logger.ts';
import { createRootLogger } from '../../../node/root-logger.ts';
import { defineMetrics, listMetrics, MetricsRegistry } from '../../../node/metrics.ts';
import { networkErrors } from '../../../node/network/errors.ts';
import { networkMetrics } from '../../../node/network/network-metrics.ts';

describe('logger', () => {
  const capture = () => {
    const lines: string[] = [];
    const logger = loggerOver({ level: 'trace', fields: { node: 'a' } }, { write: (line) => void lines.push(line) });
    return { logger, line: (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? '{}') };
  };

  it('names room and level and redacts by field name', () => {
    const { logger, line } = capture();
    roomLogger(logger, 'network').info({ height: 3, payload: 'CANARY', call: { secret: 'CANARY' } }, 'block committed');
    expect(line()).toMatchObject({ level: 'info', node: 'a', room: 'network', height: 3, msg: 'block committed' });
    expect(JSON.stringify(line())).not.toContain('CANARY');
  });

  it('prints code and data of an error and of its cause, never a message', () => {
    const { logger, line } = capture();
    const cause = new TypeError('CANARY in a message');
    logger.warn({ err: networkErrors.error('NETWORK_REQUEST_TIMEOUT', { peer: 2 }, cause) }, 'request failed');
    expect(line()).toMatchObject({
      err: { code: 'NETWORK_REQUEST_TIMEOUT', data: { peer: 2 }, cause: { code: 'TypeError' } },
    });
    expect(JSON.stringify(line())).not.toContain('CANARY');
    logger.warn({ err: 'CANARY' }, 'odd');
    expect(JSON.stringify(line())).not.toContain('CANARY');
  });

  it('has everything in the file when it is disposed', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cloister-log-'));
    const path = join(directory, 'logs', 'node.log');
    {
      await using root = createRootLogger({ level: 'info' }, { kind: 'file', path });
      for (let at = 0; at < 100; at += 1) root.logger.info({ at }, 'line');
    }
    expect((await readFile(path, 'utf8')).trimEnd().split('\n')).toHaveLength(100);
    await rm(directory, { recursive: true });
  });
});

describe('metrics', () => {
  const group = defineMetrics('shop', {
    sold: { kind: 'counter', what: 'sold', unit: 'total', help: 'Sold.', labels: { kind: ['tea', 'cake'] } },
    stock: { kind: 'gauge', what: 'stock', unit: 'bytes', help: 'Stock.' },
    wait: { kind: 'histogram', what: 'wait', unit: 'seconds', help: 'Wait.', buckets: [0.1, 1] },
  });

  it('counts into the text exposition of its own registry', async () => {
    const registry = new MetricsRegistry();
    const metrics = registry.register(group);
    const tea = metrics.sold.with({ kind: 'tea' });
    tea.add();
    tea.add(2);
    metrics.stock.with({}).set(7);
    metrics.wait.with({}).observe(0.5);
    registry.registerProcessMetrics();
    for (let scrape = 0; scrape < 2; scrape += 1) {
      const text = await registry.text();
      expect(text).toContain('cloister_shop_sold_total{kind="tea"} 3\n');
      expect(text).toContain('cloister_shop_stock_bytes 7\n');
      expect(text).toContain('cloister_shop_wait_seconds_bucket{le="1"} 1\n');
      expect(text).toContain('cloister_process_');
    }
    expect(new MetricsRegistry().list()).toEqual([]);
  });

  it('refuses bad names, a second registration and labels outside the union', () => {
    expect(() => defineMetrics('Shop', { a: { kind: 'gauge', what: 'a', unit: 'bytes', help: '' } })).toThrow(
      RangeError,
    );
    expect(() => defineMetrics('shop', { a: { kind: 'counter', what: 'a', unit: 'bytes', help: '' } })).toThrow(
      RangeError,
    );
    const registry = new MetricsRegistry();
    const { sold } = registry.register(group);
    expect(() => registry.register(group)).toThrow();
    expect(() => sold.with({ kind: 'beer' as 'tea' })).toThrow(RangeError);
  });

  it('lists what there is for documents, without a registry', () => {
    const listed = listMetrics([group, networkMetrics]);
    expect(listed.map(({ name }) => name)).toContain('cloister_network_connected_peers');
    expect(listed.find(({ name }) => name === 'cloister_shop_sold_total')).toEqual({
      name: 'cloister_shop_sold_total',
      kind: 'counter',
      help: 'Sold.',
      labels: { kind: ['tea', 'cake'] },
    });
    const names = listed.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
  });
});
