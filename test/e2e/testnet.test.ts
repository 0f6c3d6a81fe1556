/**
 * The test network and the command line as a user meets them, with real processes: founding, restart with state, two
 * networks side by side, every way to end, and the offline commands on what a network leaves behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { descendantsOf, identify, type ProcessIdentity, waitUntilEnded } from '../../testnet/processes.ts';
import { runCommand } from '../support/command-line.ts';
import { scratchDirectory } from '../support/scratch.ts';

const LAUNCHER = fileURLToPath(new URL('../../cli/cloister.mjs', import.meta.url));
const TOKEN = fileURLToPath(new URL('../../apps/token/contract.ts', import.meta.url));
const GONE_MS = 20_000;

interface Ready {
  readonly chainId: string;
  readonly apis: readonly string[];
  readonly pids: readonly { readonly node: number; readonly enclave: number }[];
  readonly accounts: readonly { readonly name: string; readonly publicKey: string }[];
  readonly platform: string;
}

interface Testnet {
  readonly launcher: ChildProcess;
  readonly ready: Ready;
  /** The launcher's child, which runs the network. */
  readonly main: ProcessIdentity;
  readonly all: readonly ProcessIdentity[];
}

const startTestnet = async (directory: string): Promise<Testnet> => {
  const launcher = spawn(process.execPath, [LAUNCHER, 'testnet', '--dir', directory, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let notes = '';
  launcher.stderr?.on('data', (chunk: Uint8Array) => {
    notes += Buffer.from(chunk).toString('utf8');
  });
  const lines = createInterface({ input: launcher.stdout as NodeJS.ReadableStream });
  const ended = once(launcher, 'exit').then(([code]) => {
    throw new Error(`testnet ended with ${String(code)}: ${notes}`);
  });
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  ended.catch(() => undefined);
  const pid = launcher.pid ?? 0;
  const all = descendantsOf(pid);
  const [main] = all;
  if (main === undefined) throw new TypeError('the launcher has no child');
  return { launcher, main, all, ready: JSON.parse(line) as Ready };
};

describe('cloister testnet', () => {
  it('leaves no process behind, whatever ends it, and starts again from its directory', async () => {
    await using scratch = await scratchDirectory();
    const first = await startTestnet(scratch.path);
    expect(first.ready).toMatchObject({ platform: 'sim', pids: expect.any(Array) });
    expect(first.ready.pids).toHaveLength(4);
    for (const { node, enclave } of first.ready.pids)
      expect([identify(node), identify(enclave)]).not.toContain(undefined);
    process.kill(first.main.pid, 'SIGKILL');
    expect(await waitUntilEnded(first.all, GONE_MS)).toEqual([]);

    const second = await startTestnet(scratch.path);
    expect(second.ready.chainId).toBe(first.ready.chainId);
    expect(second.ready.apis).toEqual(first.ready.apis);
    second.launcher.kill('SIGKILL');
    expect(await waitUntilEnded(second.all, GONE_MS)).toEqual([]);

    const third = await startTestnet(scratch.path);
    expect(third.ready.chainId).toBe(first.ready.chainId);
    const exit = once(third.launcher, 'exit');
    third.launcher.kill('SIGINT');
    expect(await exit).toEqual([130, null]);
    expect(await waitUntilEnded(third.all, 0)).toEqual([]);
  });

  it('ends at once when it is stopped while it starts, with what it had started', async () => {
    await using scratch = await scratchDirectory();
    for (const [step, signal, code] of [
      ['building the enclave', 'SIGTERM', 143],
      ['starting 4 nodes', 'SIGINT', 130],
      ['waiting until every node is ready', 'SIGHUP', 129],
    ] as const) {
      const launcher = spawn(process.execPath, [LAUNCHER, 'testnet', '--dir', join(scratch.path, step)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const exit = once(launcher, 'exit');
      for await (const line of createInterface({ input: launcher.stderr })) if (line.includes(step)) break;
      const all = descendantsOf(launcher.pid ?? 0);
      launcher.kill(signal);
      expect(await exit, step).toEqual([code, null]);
      expect(await waitUntilEnded(all, 0), step).toEqual([]);
    }
  });

  it('says which validator was killed and what that means, and fails when none is left', async () => {
    await using scratch = await scratchDirectory();
    const { launcher, ready } = await startTestnet(scratch.path);
    const exit = once(launcher, 'exit');
    const notes = createInterface({ input: launcher.stderr as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    const killed = async (index: number): Promise<string> => {
      process.kill(ready.pids[index]?.node ?? 0, 'SIGKILL');
      for (;;) {
        const { value } = await notes.next();
        if (String(value).includes('ended')) return String(value);
      }
    };
    expect(await killed(1)).toBe('validator-2 ended (killed by SIGKILL). The other 3 go on; the network needs 3.');
    expect(await killed(0)).toMatch(/^validator-1 ended .* 2 of 4 run and the network needs 3: calls wait/);
    await killed(2);
    process.kill(ready.pids[3]?.node ?? 0, 'SIGKILL');
    expect(await exit).toEqual([1, null]);
  });
});

describe('a local network', () => {
  it('serves the command line, continues with its state, and is auditable once stopped', async () => {
    await using scratch = await scratchDirectory();
    const directory = join(scratch.path, 'net');
    const receipt = join(scratch.path, 'receipt.json');
    const asDeveloper = ['--dir', directory, '--account', 'dev-1', '--json'];
    const json = async (args: readonly string[]): Promise<Record<string, unknown>> => {
      const { code, stdout, stderr } = await runCommand(args);
      expect([code, stderr.includes('USAGE')], `${args.join(' ')}: ${stderr}`).toEqual([0, false]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    let chainId: string;
    {
      await using network = await LocalNetwork.start({ directory });
      chainId = network.chainId;
      await expect(LocalNetwork.start({ directory })).rejects.toMatchObject({ code: 'TESTNET_RUNNING' });
      const holder = network.account('dev-1').publicKey;
      const init = JSON.stringify({ issuers: [holder], auditor: holder });
      expect(await json(['deploy', TOKEN, '--name', 'token', '--init', init, ...asDeveloper])).toMatchObject({
        result: { active: true },
      });
      const issue = JSON.stringify({ token: 'EUR', opening: [{ holder, amount: '100' }] });
      expect(await json(['call', 'token', 'issue', issue, '--receipt', receipt, ...asDeveloper])).toMatchObject({
        platform: 'sim',
        receipt,
      });
      expect(await json(['status', '--dir', directory, '--json'])).toMatchObject({ chainId, platform: 'sim' });
      const refused = await runCommand(['call', 'token', 'issue', '{}', '--dir', directory, '--account', 'dev-1']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/^CALL_REFUSED: .*reason: /);
      const strict = await runCommand(['query', 'token', 'balance', '{"token":"EUR"}', '--production', ...asDeveloper]);
      expect(strict.code).toBe(5);
      const busy = await runCommand(['ledger', 'verify', join(directory, 'validator-1')]);
      expect(busy.stderr).toMatch(/^LEDGER_LOCKED: /);
    }
    {
      await using network = await LocalNetwork.start({ directory });
      expect(network.chainId).toBe(chainId);
      const balance = await json(['query', 'token', 'balance', '{"token":"EUR"}', ...asDeveloper]);
      expect(balance['result']).toEqual({ token: 'EUR', balance: '100' });
    }
    expect((await runCommand(['status', '--dir', directory])).code).toBe(4);
    expect((await runCommand(['query', 'token', 'balance', ...asDeveloper])).code).toBe(4);
    await verifyOffline(directory, chainId, receipt);
  });

  it('runs beside another one, and takes a killed validator back', async () => {
    await using first = await LocalNetwork.start();
    await using second = await LocalNetwork.start();
    expect(second.chainId).not.toBe(first.chainId);
    expect(first.apis.filter((api) => second.apis.includes(api))).toEqual([]);
    const [node] = first.nodes;
    if (node === undefined) throw new TypeError('no node');
    const before = node.processes();
    await node.kill('SIGKILL', 'node');
    expect(await waitUntilEnded(before, 0)).toEqual([]);
    expect(node.isRunning).toBe(false);
    expect(await node.exited).toMatchObject({ signal: 'SIGKILL' });
    await node.restart();
    await first.waitUntilReady();
    expect(node.pids.node).not.toBe(before[0]?.pid);
  });
});

const verifyOffline = async (directory: string, chainId: string, receipt: string): Promise<void> => {
  const genesis = join(directory, 'genesis.json');
  const valid = await runCommand(['receipt', 'verify', receipt, '--genesis', genesis]);
  expect(valid.code).toBe(0);
  expect(valid.stdout).toContain('SIMULATED');
  expect((await runCommand(['receipt', 'verify', receipt, '--chain-id', chainId])).code).toBe(0);
  expect((await runCommand(['receipt', 'verify', receipt, '--chain-id', '00'.repeat(32)])).code).toBe(5);
  expect((await runCommand(['receipt', 'show', receipt])).stdout).toContain('NOT VERIFIED');
  const altered = `${receipt}.altered`;
  const file = JSON.parse(await readFile(receipt, 'utf8')) as Record<string, unknown>;
  await writeFile(altered, JSON.stringify({ ...file, index: 1 }));
  expect((await runCommand(['receipt', 'verify', altered, '--genesis', genesis])).code).toBe(5);
  const audit = await runCommand(['ledger', 'verify', join(directory, 'validator-2'), '--json']);
  expect(audit.code).toBe(0);
  expect(JSON.parse(audit.stdout)).toMatchObject({ verdict: 'intact', chainId, problems: [] });
};
