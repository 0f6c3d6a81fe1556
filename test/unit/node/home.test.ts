/** Files of a home: whole or not there, the last write of several at once wins. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeFileDurably } from '../../../node/home.ts';
import { freshDirectory } from '../ledger/support.ts';

describe('a file that is written durably', () => {
  it('has the content of the last of several writes at once, and leaves nothing beside it', async () => {
    const folder = freshDirectory();
    const path = join(folder, 'on-chain.json');
    await Promise.all(['one', 'two', 'three'].map((content) => writeFileDurably(path, content)));
    expect(await readFile(path, 'utf8')).toBe('three');
    expect(await readdir(folder)).toEqual(['on-chain.json']);
  });
});
