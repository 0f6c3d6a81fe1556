/** Bundles are a function of their sources, and a contract test is fast. */
import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { bundleContract } from '../../../contracts/bundle.ts';
import { hostOperations } from '../../../contracts/host-calls.ts';
import { AUDIT_KEY_PREFIX } from '../../../contracts/keys.ts';
import { ContractTest, party } from '../../../contracts/testing.ts';
import { AUDIT_KEY_PREFIX as RUNTIME_AUDIT_KEY_PREFIX } from '../../../enclave/runtime/vm/execution.ts';
import { hostOperationNames } from '../../../enclave/runtime/vm/operations.ts';

const TOKEN = fileURLToPath(new URL('./fixtures/token.ts', import.meta.url));

describe('bundling', () => {
  it('gives the same bytes from anywhere, without paths', async () => {
    const before = process.cwd();
    const first = await bundleContract(TOKEN);
    process.chdir('/');
    const second = await bundleContract(TOKEN).finally(() => process.chdir(before));
    expect(second).toBe(first);
    expect(first).not.toContain('fixtures');
    expect(Buffer.byteLength(first)).toBe(first.length);
  });
});

describe('the contract interface', () => {
  it('is the same on both sides', () => {
    expect(hostOperationNames.map((name) => [name, hostOperations[name]])).toEqual(
      hostOperationNames.map((name, index) => [name, index]),
    );
    expect(Object.keys(hostOperations)).toHaveLength(hostOperationNames.length);
    expect(RUNTIME_AUDIT_KEY_PREFIX).toBe(AUDIT_KEY_PREFIX);
  });
});

describe('a token', () => {
  it('is deployed and called, without a network', async () => {
    const [owner, other] = [party('owner'), party('other')];
    const token = await ContractTest.deploy(TOKEN, { amount: '100' }, { deployer: owner });
    expect(token.call(owner, 'transfer', { to: other, amount: '40' }).result).toEqual({ ok: true });
    expect(token.query(other, 'balance').result).toBe('40');
    expect(token.call(other, 'transfer', { to: owner, amount: '41' })).toMatchObject({
      status: 'refused',
      reason: 'insufficient_funds',
      detail: { available: '40' },
    });
    expect(token.query(owner, 'supply').result).toBe('100');
  });
});
