/** Execution at its edges: what it knows after a restart, and an enclave that never becomes ready. */
import { describe, expect, it } from 'vitest';
import { EnclaveSupervisor, type EnclaveSupervisorOptions } from '../../../node/enclave-supervisor.ts';
import { CertifiedResults } from '../../../node/certified-results.ts';
import type { CommitTracker } from '../../../node/commit-tracker.ts';
import { Execution, type ExecutionOptions } from '../../../node/execution.ts';
import type { FinalBlocks } from '../../../node/final-blocks.ts';
import { silentLogger } from '../../../node/logger.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { genesisOf } from '../../support/tiny-genesis.ts';

const ledgerWith = (executed: number, certified: readonly number[] = []): ExecutionOptions['ledger'] =>
  ({
    head: () => ({ height: executed }),
    readResultCertificate: (height: number) => (certified.includes(height) ? new Uint8Array(1) : undefined),
  }) as unknown as ExecutionOptions['ledger'];

const executionOver = (options: Partial<ExecutionOptions>): Execution =>
  new Execution({ logger: silentLogger(), onFatal: () => undefined, ...options } as ExecutionOptions);

const resultsOver = (ledger: ExecutionOptions['ledger']): CertifiedResults =>
  new CertifiedResults(ledger, {} as CommitTracker, silentLogger());

describe('execution', () => {
  it('knows after a restart which height was certified before it', () => {
    expect(resultsOver(ledgerWith(7, [1, 2, 3, 5])).height).toBe(5);
    expect(resultsOver(ledgerWith(2)).height).toBe(0);
  });

  it('ends while the enclave has never been ready, before the supervisor does', async () => {
    await using scratch = await scratchDirectory();
    await using supervisor = EnclaveSupervisor.start({
      home: scratch.path,
      bundlePath: `${scratch.path}/no-bundle.mjs`,
      maxHeapMiB: 128,
      genesis: genesisOf('no-enclave'),
      logger: silentLogger(),
      onFatal: () => undefined,
    } as unknown as EnclaveSupervisorOptions);
    const execution = executionOver({
      ledger: ledgerWith(0),
      enclave: supervisor,
      blocks: { settled: async () => undefined } as unknown as FinalBlocks,
    });
    execution.start();
    await execution[Symbol.asyncDispose]();
    expect(supervisor.isReady).toBe(false);
  });
});
