/** Recognising and waiting for processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { descendantsOf, identify, isRunning, killProcess, waitUntilEnded } from '../../../testnet/processes.ts';

const FOREVER = 'setInterval(() => undefined, 1000)';

describe('processes', () => {
  it('finds descendants, and sees them end', async () => {
    const parent = spawn(process.execPath, [
      '-e',
      `require('child_process').spawn(process.execPath, ['-e', '${FOREVER}']); console.log('up'); ${FOREVER}`,
    ]);
    await once(parent.stdout, 'data');
    const pid = parent.pid ?? 0;
    const self = identify(pid);
    const [child] = descendantsOf(pid);
    if (self === undefined || child === undefined) throw new TypeError('no processes');
    expect(descendantsOf(process.pid).map((found) => found.pid)).toContain(child.pid);
    expect(await waitUntilEnded([self, child], 0)).toEqual([self, child]);
    for (const target of [child, self]) killProcess(target, 'SIGKILL');
    expect(await waitUntilEnded([self, child], 5_000)).toEqual([]);
  });

  it('never takes a reused id for the old process', () => {
    const self = identify(process.pid);
    expect(self !== undefined && isRunning(self)).toBe(true);
    if (process.platform === 'linux') expect(isRunning({ pid: process.pid, started: '1' })).toBe(false);
    expect(() => killProcess({ pid: process.pid, started: 'never' }, 'SIGKILL')).not.toThrow();
  });
});
