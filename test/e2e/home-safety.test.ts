/**
 * What a node does with a home that is damaged, foreign or already in use: it ends at once with a code, an exit code and
 * a next step; it never signs, never repairs by guessing, and prints neither stack nor secret.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { homePaths } from '../../node/home.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { eventually, evidenceCount, untilReady, untilSameState } from '../support/live-network.ts';
import { OtherMachine, secondMachineAvailable } from '../support/other-machine.ts';
import { skipUnless } from '../support/skipping.ts';
import { type NodeRun, runNode } from '../support/node-run.ts';
import { TokenLoad } from '../support/token-load.ts';

let network: LocalNetwork;
let load: TokenLoad;
let sound: string;
/** The home as it was some blocks and one start before `sound`. */
let older: string;
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
  older = `${home}.older`;
  cpSync(home, older, { recursive: true });
  await last().start();
  await untilReady(network);
  for (let count = 0; count < 20; count += 1) await load.once();
  await untilSameState(network);
  await last().stop();
  sound = `${home}.sound`;
  cpSync(home, sound, { recursive: true });
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

/** Puts a copy in the place of the home. */
const putBack = (copy: string): void => {
  rmSync(home, { recursive: true, force: true });
  cpSync(copy, home, { recursive: true });
};

describe('a stopped validator with history', () => {
  beforeEach(() => putBack(sound));

  it('refuses to sign when the record of its votes is gone', async () => {
    rmSync(homePaths(home).votes, { recursive: true });
    expectRefusal(await runNode(home), 'WAL_MISSING', 6);
  });

  it('refuses to sign when the record of its votes is altered', async () => {
    flipMiddleByte(largestFile(homePaths(home).votes));
    expectRefusal(await runNode(home), 'WAL_CORRUPT', 6);
  });

  it('refuses to sign when the record of its votes is cut short', async () => {
    const segment = largestFile(homePaths(home).votes);
    truncateSync(segment, Math.floor(statSync(segment).size / 2));
    expectRefusal(await runNode(home), 'WAL_CORRUPT', 6);
  });

  it('refuses to sign when the record of its votes is older than its ledger', async () => {
    rmSync(homePaths(home).votes, { recursive: true });
    cpSync(homePaths(older).votes, homePaths(home).votes, { recursive: true });
    const run = await runNode(home);
    expectRefusal(run, 'UNSAFE_TO_SIGN', 6);
    expect(run.failed?.data).toMatchObject({ reason: 'the log of votes is older than the ledger' });
  });

  it('refuses to sign when both the record of its votes and its ledger are gone', async () => {
    rmSync(homePaths(home).votes, { recursive: true });
    rmSync(homePaths(home).ledger, { recursive: true });
    expectRefusal(await runNode(home), 'WAL_MISSING', 6);
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

describe('a home that was put back as a whole', () => {
  it('hears of a later start from its peers, refuses to sign, and goes on refusing', async () => {
    putBack(older);
    const run = await runNode(home);
    expectRefusal(run, 'KEY_USED_TWICE', 6);
    expect(run.failed?.data).toMatchObject({ heard: 'a later start' });
    const again = await runNode(home);
    expectRefusal(again, 'KEY_USED_TWICE', 6);
    expect(again.failed?.data).toEqual(run.failed?.data);
    expect(await evidenceCount(network)).toBe(0);
  });

  it('finds its own signatures in certificates where no peer remembers its starts', async () => {
    putBack(older);
    const others = network.nodes.slice(0, -1);
    for (const node of others) await node.restart();
    await untilReady(network, others);
    const run = await runNode(home);
    expectRefusal(run, 'KEY_USED_TWICE', 6);
    expect(run.failed?.data?.['heard'], run.output).toMatch(/^(notarize|nullify|finalize)$/u);
    expect(await evidenceCount(network)).toBe(0);
  });

  it('leaves a network that goes on without it', async () => {
    await load.once();
    expect(await load.bookErrors()).toEqual([]);
  });
});

describe('the sound home', () => {
  beforeAll(() => putBack(sound));

  it('still starts, catches up and agrees', async () => {
    await load.once();
    await last().start();
    await untilReady(network);
    await untilSameState(network);
    expect(await load.bookErrors()).toEqual([]);
  });
});

const noSecondMachine = skipUnless(
  secondMachineAvailable(),
  'one key on two machines',
  'this system gives ordinary users no network namespace (unshare -Urn) or has no ip command.',
);

describe('one key, two processes', () => {
  const copyOf = (name: string): string => {
    const copy = `${home}.${name}`;
    cpSync(home, copy, { recursive: true });
    return copy;
  };

  it('on one machine, the second on a home, and one on a copy of it, end at once', async () => {
    const sameHome = await runNode(home);
    expectRefusal(sameHome, 'KEY_IN_USE', 6);
    await last().stop();
    const copy = copyOf('copy');
    await last().start();
    await untilReady(network);
    expectRefusal(await runNode(copy), 'KEY_IN_USE', 6);
    await load.once();
    await untilSameState(network);
  });

  it.skipIf(noSecondMachine)('on two machines, one of the two ends before either contradicts the other', async () => {
    await last().stop();
    const copy = copyOf('second');
    await last().start();
    await untilReady(network);
    const ports = network.nodes.slice(0, -1).map(({ p2p }) => Number(p2p.split('/').at(-1)));
    await using twin = OtherMachine.start(copy, ports);
    await eventually(network, 'an end of one of the two', () => twin.exitCode !== undefined || !last().isRunning);
    for (let count = 0; count < 5; count += 1) await load.once();
    const exit = last().isRunning ? undefined : await last().exited;
    expect([twin.failed?.code, exit?.failure?.code]).toContain('KEY_USED_TWICE');
    expect([twin.exitCode, exit?.code]).toContain(6);
    expect(await evidenceCount(network)).toBe(0);
  });
});
