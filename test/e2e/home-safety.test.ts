/**
 * What a node does with a home that is damaged, foreign or already in use: it ends at once with a code, an exit code and
 * a next step; it never signs, never repairs by guessing, and prints neither stack nor secret.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { homePaths } from '../../node/home.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { untilReady, untilSameState } from '../support/live-network.ts';
import { type NodeRun, runNode } from '../support/node-run.ts';
import { TokenLoad } from '../support/token-load.ts';

let network: LocalNetwork;
let load: TokenLoad;
let sound: string;
let home: string;

const last = (): LocalNetwork['nodes'][number] => {
  const node = network.nodes.at(-1);
  if (node === undefined) throw new RangeError('no nodes');
  return node;
};

/** A failure as a person or a script needs it. */
const expectRefusal = (run: NodeRun, code: string, exitCode: number): void => {
  expect({ code: run.failed?.code, exitCode: run.exitCode }, run.output).toEqual({ code, exitCode });
  expect(run.failed?.hint).toMatch(/\w{4}/u);
  expect(run.output).not.toMatch(/^\s+at |node:internal/mu);
  expect(run.output).not.toContain(readFileSync(homePaths(sound).passphrase, 'utf8').trim());
};

const flipMiddleByte = (path: string): void => {
  const bytes = readFileSync(path);
  const middle = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 0x40, middle);
  writeFileSync(path, bytes);
};

const largestFile = (directory: string): string => {
  const files = readdirSync(directory).map((name) => join(directory, name));
  return files.toSorted((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';
};

beforeAll(async () => {
  network = await LocalNetwork.start({ logLevel: 'info' });
  load = await TokenLoad.prepare(network, 2);
  for (let count = 0; count < 5; count += 1) await load.once();
  await untilSameState(network);
  await last().stop();
  ({ home } = last());
  sound = `${home}.sound`;
  cpSync(home, sound, { recursive: true });
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

beforeEach(() => {
  rmSync(home, { recursive: true, force: true });
  cpSync(sound, home, { recursive: true });
});

describe('a stopped validator with history', () => {
  it('refuses to sign when the record of its votes is gone', async () => {
    rmSync(homePaths(home).votes, { recursive: true });
    expectRefusal(await runNode(home), 'WAL_MISSING', 6);
  });

  it('refuses to sign when the record of its votes is altered', async () => {
    flipMiddleByte(largestFile(homePaths(home).votes));
    expectRefusal(await runNode(home), 'WAL_CORRUPT', 6);
  });

  it('names what is wrong when a byte of the ledger is flipped', async () => {
    flipMiddleByte(largestFile(join(homePaths(home).ledger, 'db')));
    const run = await runNode(home);
    expect(run.failed?.code, run.output).toMatch(/^LEDGER_(CORRUPT|TRUNCATED)$/u);
    expect(Object.keys(run.failed?.data ?? {})).not.toEqual([]);
    expectRefusal(run, run.failed?.code ?? '', 7);
  });

  it('names the height when the ledger is older than what it acknowledged', async () => {
    rmSync(join(homePaths(home).ledger, 'db'), { recursive: true });
    expectRefusal(await runNode(home), 'LEDGER_TRUNCATED', 7);
  });

  it('does not start under the genesis of another network', async () => {
    const genesis = JSON.parse(readFileSync(homePaths(home).genesis, 'utf8')) as Record<string, unknown>;
    writeFileSync(homePaths(home).genesis, JSON.stringify({ ...genesis, network: 'another' }));
    expectRefusal(await runNode(home), 'LEDGER_WRONG_CHAIN', 3);
    writeFileSync(homePaths(home).genesis, JSON.stringify({ ...genesis, threshold: 99 }));
    expect((await runNode(home)).failed?.code).toMatch(/^GENESIS_/u);
    writeFileSync(homePaths(home).genesis, '{');
    expectRefusal(await runNode(home), 'CONFIG_FILE_UNREADABLE', 3);
  });

  it('does not start with another enclave than the genesis names', async () => {
    const bundle = join(home, 'other-enclave.mjs');
    writeFileSync(bundle, `${readFileSync(join(network.directory, 'enclave.mjs'), 'utf8')}\n`);
    expectRefusal(await runNode(home, ['--enclave.bundle', bundle]), 'MEASUREMENT_MISMATCH', 3);
  });

  it('does not start with a wrong passphrase, and does not repeat it', async () => {
    const run = await runNode(home, [], { CLOISTER_PASSPHRASE: 'not-the-passphrase' });
    expectRefusal(run, 'KEYSTORE_LOCKED', 3);
    expect(run.output).not.toContain('not-the-passphrase');
  });

  it('names the nearest setting for one that does not exist', async () => {
    const run = await runNode(home, ['--mempool.byte', '5']);
    expectRefusal(run, 'CONFIG_UNKNOWN_KEY', 3);
    expect(run.failed?.data).toMatchObject({ key: 'mempool.byte', nearest: 'mempool.bytes' });
    writeFileSync(homePaths(home).config, '[api]\nprot = 1\n');
    const second = await runNode(home);
    expectRefusal(second, 'CONFIG_UNKNOWN_KEY', 3);
    expect(second.failed?.data).toMatchObject({ key: 'api.prot', nearest: 'api.port' });
    expectRefusal(await runNode(sound, ['--api.port', 'many']), 'CONFIG_INVALID_VALUE', 3);
  });
});

describe('one key, two processes', () => {
  it('the second process on a home, and one on a copy of it, end at once', async () => {
    await last().start();
    await untilReady(network);
    const sameHome = await runNode(home);
    expect(sameHome.failed?.code, sameHome.output).toMatch(/^(LEDGER_LOCKED|KEY_IN_USE)$/u);
    expect(sameHome.exitCode).not.toBe(0);
    expectRefusal(await runNode(sound), 'KEY_IN_USE', 6);
    await load.once();
    await untilSameState(network);
    await last().stop();
  });
});

describe('the sound home', () => {
  it('still starts, catches up and agrees', async () => {
    await load.once();
    await last().start();
    await untilReady(network);
    await untilSameState(network);
    expect(await load.bookErrors()).toEqual([]);
  });
});
