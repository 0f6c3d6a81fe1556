/** The log on a disk that takes nothing: lines are lost, and neither a fatal line nor the end of the log waits for it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createRootLogger } from '../../../node/root-logger.ts';
import { scratchDirectory } from '../../support/scratch.ts';

/** A device whose every write fails with ENOSPC. */
const FULL = '/dev/full';

describe('the log', () => {
  it('writes every line in order before it ends', async () => {
    await using scratch = await scratchDirectory();
    const path = join(scratch.path, 'deeper', 'node.log');
    const root = createRootLogger({ level: 'info' }, { kind: 'file', path });
    for (let number = 0; number < 1_000; number += 1) root.logger.info({ number }, 'a line');
    await root[Symbol.asyncDispose]();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { number: number }).number)).toEqual([...Array(1_000).keys()]);
  });

  it.skipIf(!existsSync(FULL))('holds nothing up when the disk is full', async () => {
    const root = createRootLogger({ level: 'info' }, { kind: 'file', path: FULL });
    for (let number = 0; number < 3; number += 1) root.logger.fatal({ number }, 'a line');
    await expect(root[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });
});
