/**
 * A replica that computes something else, over real processes: every enclave runs one bundle, whose text was changed so
 * that one enclave of the network charges twice the gas. It must stop with a report that names the first
 * differing transaction, and the others must go on.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleEnclave } from '../../scripts/build-enclave.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { connect } from '../../wallet/index.ts';
import { untilSameState } from '../support/live-network.ts';

/** Changes of the bundle's text; each place must be there once. */
const CHANGES = [
  [
    /=executeBlock\(replica,/g,
    '=executeBlock((ODD=identity.enclaveKey===replica.genesis.validators.map(({enclaveKey})=>enclaveKey).sort()[0],replica),',
  ],
  [/(?<!function )sealResult\(keys,result,/g, 'sealResult(keys,ODD?{...result,gasUsed:2*result.gasUsed}:result,'],
] as const;

const folder = mkdtempSync(join(tmpdir(), 'cloister-divergence-'));
let network: LocalNetwork;

beforeAll(async () => {
  let text = Buffer.from((await bundleEnclave()).bytes).toString('utf8');
  for (const [place, changed] of CHANGES) {
    expect(text.match(place), String(place)).toHaveLength(1);
    text = text.replace(place, changed);
  }
  const enclaveBundle = join(folder, 'enclave.mjs');
  writeFileSync(enclaveBundle, `let ODD=false;${text}`);
  network = await LocalNetwork.start({ enclaveBundle });
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe('a replica that computes something else', () => {
  it('stops with a report that names the first differing transaction, and the others go on', async () => {
    const keys = network.genesis.validators.map(({ enclaveKey }) => enclaveKey);
    const odd = network.nodes[keys.indexOf(keys.toSorted()[0] ?? ('' as (typeof keys)[number]))];
    if (odd === undefined) throw new TypeError('no node');
    const others = { nodes: network.nodes.filter((node) => node !== odd) };
    const wallet = await connect({ urls: others.nodes.map(({ api }) => api), chainId: network.chainId });
    const { account } = network.account('dev-1');
    const first = await wallet
      .call(account, 'system', 'deploy', { name: 'odd', code: '', init: null })
      .catch(
        (error: unknown) => error as { readonly data: { readonly transactionId: string; readonly height: number } },
      );
    const { failure, code } = await odd.exited;
    expect([failure?.code, code]).toEqual(['DIVERGED', 1]);
    const height = Number(failure?.data['height']);
    const report = JSON.parse(readFileSync(join(odd.home, `divergence-${height}.json`), 'utf8')) as object;
    expect(report).toMatchObject({ height, index: 0, firstDifference: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(JSON.stringify(first)).toContain((report as { firstDifference: string }).firstDifference);
    await wallet.openSession(account);
    await untilSameState(others);
  });
});
