/** Execution at its edges: what it knows after a restart, and an enclave that never becomes ready. */
import { describe, expect, it } from 'vitest';
import { EnclaveSupervisor, type EnclaveSupervisorOptions } from '../../../node/enclave-supervisor.ts';
import { Execution, type ExecutionOptions } from '../../../node/execution.ts';
import { silentLogger } from '../../../node/logger.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const ledgerWith = (executed: number, certified: readonly number[] = []): ExecutionOptions['ledger'] =>
  ({
    head: () => ({ height: executed }),
    readResultCertificate: (height: number) => (certified.includes(height) ? new Uint8Array(1) : undefined),
  }) as unknown as ExecutionOptions['ledger'];

const executionOver = (options: Partial<ExecutionOptions>): Execution =>
  new Execution({ logger: silentLogger(), onFatal: () => undefined, ...options } as ExecutionOptions);

describe('execution', () => {
  it('knows after a restart which height was certified before it', () => {
    expect(executionOver({ ledger: ledgerWith(7, [1, 2, 3, 5]) }).certifiedHeight).toBe(5);
    expect(executionOver({ ledger: ledgerWith(2) }).certifiedHeight).toBe(0);
  });

  it('ends while the enclave has never been ready, before the supervisor does', async () => {
    await using scratch = await scratchDirectory();
    await using supervisor = EnclaveSupervisor.start({
      home: scratch.path,
      bundlePath: `${scratch.path}/no-bundle.mjs`,
      maxHeapMiB: 128,
      logger: silentLogger(),
      onFatal: () => undefined,
    } as unknown as EnclaveSupervisorOptions);
    const execution = executionOver({ ledger: ledgerWith(0), enclave: supervisor });
    execution.start();
    await execution[Symbol.asyncDispose]();
    expect(supervisor.isReady).toBe(false);
  });
});
