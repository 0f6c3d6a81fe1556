/** Execution at its edges: an enclave that never becomes ready. */
import { afterEach, describe, expect, it } from 'vitest';
import { EnclaveSupervisor, type EnclaveSupervisorOptions } from '../../../node/enclave-supervisor.ts';
import { Execution, type ExecutionOptions } from '../../../node/execution.ts';
import { silentLogger } from '../../../node/logger.ts';
import { scratchDirectory } from '../../support/scratch.ts';

const stack = new AsyncDisposableStack();
afterEach(() => stack.disposeAsync());

const ledgerWith = (executed: number): ExecutionOptions['ledger'] =>
  ({ head: () => ({ height: executed }) }) as unknown as ExecutionOptions['ledger'];

const executionOver = (options: Partial<ExecutionOptions>): Execution =>
  new Execution({ logger: silentLogger(), onFatal: () => undefined, ...options } as ExecutionOptions);

describe('execution', () => {
  it('ends while the enclave has never been ready, before the supervisor does', async () => {
    const { path: home } = stack.use(await scratchDirectory());
    const supervisor = stack.use(
      EnclaveSupervisor.start({
        home,
        bundlePath: `${home}/no-bundle.mjs`,
        maxHeapMiB: 128,
        logger: silentLogger(),
        onFatal: () => undefined,
      } as unknown as EnclaveSupervisorOptions),
    );
    const execution = executionOver({ ledger: ledgerWith(0), enclave: supervisor });
    execution.start();
    await execution[Symbol.asyncDispose]();
    expect(supervisor.isReady).toBe(false);
  });
});
