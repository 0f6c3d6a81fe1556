/** The directory of a local network and the lock on it. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  clearUnfinished,
  DirectoryLock,
  networkPaths,
  readNetworkFile,
  writeNetworkFile,
} from '../../../testnet/directory.ts';
import { identify } from '../../../testnet/processes.ts';
import { scratchDirectory } from '../../support/scratch.ts';

describe('lock of a network directory', () => {
  it('refuses a second run and names the process', async () => {
    await using scratch = await scratchDirectory();
    const lock = await DirectoryLock.acquire(scratch.path);
    await expect(DirectoryLock.acquire(scratch.path)).rejects.toMatchObject({
      code: 'TESTNET_RUNNING',
      data: { pid: process.pid },
    });
    await lock[Symbol.asyncDispose]();
    expect(await readdir(scratch.path)).toEqual([]);
  });

  it('takes over what a killed process left, even when its id was given to another process', async () => {
    await using scratch = await scratchDirectory();
    const stale = {
      owner: { pid: process.pid, started: 'another time' },
      nodes: [{ pid: process.pid, started: 'another time' }],
    };
    await writeFile(networkPaths(scratch.path).running, JSON.stringify(stale));
    await using _lock = await DirectoryLock.acquire(scratch.path);
    const held = JSON.parse(await readFile(networkPaths(scratch.path).running, 'utf8')) as unknown;
    expect(held).toEqual({ owner: identify(process.pid), nodes: [] });
  });

  it('remembers the processes of the network', async () => {
    await using scratch = await scratchDirectory();
    await using lock = await DirectoryLock.acquire(scratch.path);
    const nodes = [{ pid: 1, started: 'a' }];
    await Promise.all([lock.note(() => []), lock.note(() => nodes)]);
    expect(JSON.parse(await readFile(networkPaths(scratch.path).running, 'utf8'))).toMatchObject({ nodes });
  });
});

describe('files of a network directory', () => {
  it('refuses a directory with foreign files and leaves them alone', async () => {
    await using scratch = await scratchDirectory();
    await mkdir(join(scratch.path, 'validator-1'));
    await expect(clearUnfinished(scratch.path)).rejects.toMatchObject({ code: 'TESTNET_DIRECTORY_NOT_EMPTY' });
    expect(await readdir(scratch.path)).toEqual(['validator-1']);
  });

  it('removes what an interrupted founding left, and nothing else', async () => {
    await using scratch = await scratchDirectory();
    await mkdir(join(scratch.path, 'validator-1'));
    for (const name of ['founding.json', 'accounts.json', 'notes.txt']) await writeFile(join(scratch.path, name), '');
    await clearUnfinished(scratch.path);
    expect((await readdir(scratch.path)).toSorted()).toEqual(['founding.json', 'notes.txt']);
  });

  it('reads back what it wrote, and refuses what it does not know', async () => {
    await using scratch = await scratchDirectory();
    expect(await readNetworkFile(scratch.path)).toBeUndefined();
    const file = {
      format: 'cloister-testnet/1',
      network: 'local',
      validators: ['validator-1'],
      portBase: 17_700,
    } as const;
    await writeNetworkFile(scratch.path, file);
    expect(await readNetworkFile(scratch.path)).toEqual(file);
    await writeFile(networkPaths(scratch.path).network, JSON.stringify({ ...file, validators: ['../elsewhere'] }));
    await expect(readNetworkFile(scratch.path)).rejects.toMatchObject({ code: 'TESTNET_FILE_MALFORMED' });
  });
});
