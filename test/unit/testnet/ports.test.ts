/** Port ranges of local networks that run side by side. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { claimFreePorts, claimPorts, FIRST_PORT, PORTS_PER_VALIDATOR } from '../../../testnet/ports.ts';

describe('ports of local networks', () => {
  it('gives two networks ranges that do not overlap, before either listens', async () => {
    await using first = await claimFreePorts(4);
    await using second = await claimFreePorts(4);
    expect(first.base).toBeGreaterThanOrEqual(FIRST_PORT);
    expect(first.base % PORTS_PER_VALIDATOR).toBe(0);
    expect(Math.abs(second.base - first.base)).toBeGreaterThanOrEqual(4 * PORTS_PER_VALIDATOR);
  });

  it('refuses a range that is claimed, and gives it after release', async () => {
    const claim = await claimFreePorts(4);
    await expect(claimPorts(claim.base, 4)).rejects.toMatchObject({ code: 'TESTNET_PORTS_TAKEN' });
    await claim[Symbol.asyncDispose]();
    await using again = await claimPorts(claim.base, 4);
    expect(again.base).toBe(claim.base);
  });

  it('names the port that something else uses', async () => {
    const { base } = await claimFreePorts(4).then(async (claim) => {
      await claim[Symbol.asyncDispose]();
      return claim;
    });
    const port = base + PORTS_PER_VALIDATOR + 1;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port }, resolve));
    await expect(claimPorts(base, 4)).rejects.toMatchObject({ code: 'TESTNET_PORTS_TAKEN', data: { port } });
    await new Promise((resolve) => server.close(resolve));
  });
});
