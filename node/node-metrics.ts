/** Metrics of agreement, execution and the mempool; sampled when they are scraped. */
import { defineMetrics } from './metrics.ts';

/** Metrics of the node room. */
export const nodeMetrics = defineMetrics('node', {
  finalizedHeight: { kind: 'gauge', what: 'finalized', unit: 'height', help: 'Height of the newest final block.' },
  executedHeight: { kind: 'gauge', what: 'executed', unit: 'height', help: 'Height of the newest executed block.' },
  certifiedHeight: {
    kind: 'gauge',
    what: 'certified',
    unit: 'height',
    help: 'Newest height with a result certificate.',
  },
  view: { kind: 'gauge', what: 'current', unit: 'view', help: 'Current view of agreement.' },
  mempoolTransactions: {
    kind: 'gauge',
    what: 'mempool',
    unit: 'transactions',
    help: 'Transactions that wait for a block.',
  },
  mempoolBytes: { kind: 'gauge', what: 'mempool', unit: 'bytes', help: 'Bytes of transactions that wait for a block.' },
  executionBacklog: {
    kind: 'gauge',
    what: 'execution_backlog',
    unit: 'blocks',
    help: 'Final blocks that wait for execution.',
  },
  ready: { kind: 'gauge', what: 'ready', unit: 'boolean', help: '1 while the node serves clients.' },
  enclaveRestarts: {
    kind: 'gauge',
    what: 'enclave_restarts',
    unit: 'count',
    help: 'Times that the enclave process was started again.',
  },
  executedTransactions: {
    kind: 'counter',
    what: 'executed_transactions',
    unit: 'total',
    help: 'Transactions executed by this node.',
  },
  executedBlocks: { kind: 'counter', what: 'executed_blocks', unit: 'total', help: 'Blocks executed by this node.' },
  evidence: {
    kind: 'counter',
    what: 'evidence',
    unit: 'total',
    help: 'Pieces of evidence against validators.',
    labels: { rule: ['E1', 'E2', 'E3', 'E4', 'E5'] },
  },
});
