/** What `cloister start` says when a node does not come up. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { exitCodes } from '../../../node/exit-codes.ts';
import { runCommand } from '../../support/command-line.ts';
import { scratchDirectory } from '../../support/scratch.ts';
import { genesisOf } from '../../support/tiny-genesis.ts';

it('a failure of the node is told with its facts, in one line', async () => {
  await using scratch = await scratchDirectory();
  await writeFile(join(scratch.path, 'genesis.json'), JSON.stringify(genesisOf('start')));
  await writeFile(join(scratch.path, 'node.toml'), '[api]\nprot = 1\n');
  const { code, stdout, stderr } = await runCommand(['start', '--home', scratch.path]);
  expect(stderr).toMatch(/^CONFIG_UNKNOWN_KEY: .*\(key: api\.prot, origin: node\.toml, nearest: api\.port\).*\n$/);
  expect([code, stdout]).toEqual([exitCodes.configuration, '']);
});
