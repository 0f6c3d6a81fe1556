/** Reads the gauges of the node room when they are scraped. */
import type { NodeService } from './api-service.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';
import type { FinalBlocks } from './final-blocks.ts';
import type { Mempool } from './mempool.ts';
import type { Instruments } from './metrics.ts';
import type { nodeMetrics } from './node-metrics.ts';

/** Sets every gauge to its present value. */
export const sampleMetrics = (
  instruments: Instruments<(typeof nodeMetrics)['metrics']>,
  parts: {
    readonly service: NodeService;
    readonly mempool: Mempool;
    readonly blocks: FinalBlocks;
    readonly enclave: EnclaveSupervisor | undefined;
  },
): void => {
  const { service, mempool, blocks, enclave } = parts;
  const status = service.status();
  instruments.finalizedHeight.with({}).set(status.finalizedHeight);
  instruments.executedHeight.with({}).set(status.executedHeight);
  instruments.certifiedHeight.with({}).set(status.certifiedHeight);
  instruments.view.with({}).set(status.view);
  instruments.mempoolTransactions.with({}).set(mempool.size);
  instruments.mempoolBytes.with({}).set(mempool.bytes);
  instruments.executionBacklog.with({}).set(blocks.backlog);
  instruments.ready.with({}).set(status.ready ? 1 : 0);
  instruments.enclaveRestarts.with({}).set(enclave?.restarts ?? 0);
};
