/** Which network a command trusts. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { trustedChainId } from '../../../cli/network-access.ts';
import { chainIdOf } from '../../../protocol/genesis.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { genesisOf } from '../../support/tiny-genesis.ts';

it('a chain id and a genesis file of different networks are refused instead of one being ignored', async () => {
  await using scratch = await scratchDirectory();
  const file = join(scratch.path, 'genesis.json');
  const genesis = genesisOf('anchors');
  await writeFile(file, JSON.stringify(genesis));
  const chainId = chainIdOf(genesis);
  expect(await trustedChainId({ genesis: file })).toBe(chainId);
  expect(await trustedChainId({ chainId, genesis: file })).toBe(chainId);
  await expect(trustedChainId({ chainId: 'ab'.repeat(32), genesis: file })).rejects.toMatchObject({
    code: 'USAGE_ANCHORS_DIFFER',
    data: { ofGenesis: chainId },
  });
  expect(await trustedChainId({})).toBeUndefined();
});
