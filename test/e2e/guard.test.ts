/**
 * Moving a validator between homes while its network runs: the promises of open views go along, the new home catches up
 * and votes, the old one and every copy of it stay silent, and no guard file takes back what was signed since.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homePaths } from '../../node/home.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { type CommandOutcome, runCommand } from '../support/command-line.ts';
import { eventually, evidenceCount, statusOf, untilReady, untilSameState } from '../support/live-network.ts';
import { runNode } from '../support/node-run.ts';
import { TokenLoad } from '../support/token-load.ts';

interface Moved {
  readonly guard: string;
  readonly generation: number;
  readonly exportedAt: string;
  readonly promises: readonly { readonly epoch: number; readonly floorView: number; readonly votes: number }[];
}

const env = { CLOISTER_GUARD_PASSPHRASE: 'a guard between two machines' };

let network: LocalNetwork;
let load: TokenLoad;
/** Where the moving validator's process finds its home, wherever that came from. */
let home: string;

const mover = (): LocalNetwork['nodes'][number] => {
  const node = network.nodes.at(-1);
  if (node === undefined) throw new RangeError('no nodes');
  return node;
};
const place = (name: string): string => `${home}.${name}`;
const moveAside = (name: string): string => {
  renameSync(home, place(name));
  return place(name);
};
const logBytes = (path: string): number => {
  const { votes } = homePaths(path);
  return readdirSync(votes).reduce((sum, name) => sum + statSync(join(votes, name)).size, 0);
};
const exportTo = (file: string, from = home): Promise<CommandOutcome> =>
  runCommand(['guard', 'export', from, '--out', file, '--json'], { env });
const importFrom = (file: string): Promise<CommandOutcome> =>
  runCommand(['guard', 'import', file, '--home', home, '--json'], { env });
const movedOf = ({ code, stdout, stderr }: CommandOutcome): Moved => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Moved;
};
const codeOf = ({ stdout }: CommandOutcome): string =>
  (JSON.parse(stdout) as { readonly error: { readonly code: string } }).error.code;

/** What an operator does on the new machine besides: a passphrase of its own, and settings. */
const prepareMachine = (settingsOf: string): void => {
  mkdirSync(dirname(homePaths(home).passphrase), { recursive: true });
  cpSync(homePaths(settingsOf).passphrase, homePaths(home).passphrase);
  cpSync(homePaths(settingsOf).config, homePaths(home).config);
};

const expectAgreement = async (): Promise<void> => {
  await untilReady(network);
  await load.once();
  await untilSameState(network);
  expect(await load.bookErrors()).toEqual([]);
  expect(await evidenceCount(network)).toBe(0);
};

beforeAll(async () => {
  network = await LocalNetwork.start({ logLevel: 'info' });
  ({ home } = mover());
  load = await TokenLoad.prepare(network, 2);
  for (let count = 0; count < 5; count += 1) await load.once();
  await untilSameState(network);
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

describe('a validator that moves', () => {
  const first = (): string => place('first.guard');
  const second = (): string => place('second.guard');
  let exported: Moved;

  it('is not exported while it runs', async () => {
    const outcome = await exportTo(first());
    expect([outcome.code, codeOf(outcome)]).toEqual([6, 'KEY_IN_USE']);
    expect(existsSync(first())).toBe(false);
  });

  it('takes along what it voted in views that are still open', async () => {
    const others = network.nodes.slice(0, 2);
    await Promise.all(others.map((node) => node.kill('SIGKILL', 'both')));
    const view = (await statusOf(mover()))?.view ?? 0;
    const before = logBytes(home);
    // Nobody can commit this; the two that are left vote for it, then against the view.
    const pending = load.once();
    await eventually(network, 'votes in an open view', () => logBytes(home) > before);
    await mover().kill('SIGKILL', 'both');
    cpSync(home, place('backup'), { recursive: true });
    exported = movedOf(await exportTo(first()));
    expect(exported).toMatchObject({ generation: 1 });
    expect(exported.promises).toHaveLength(1);
    expect(exported.promises[0]?.votes).toBeGreaterThan(0);
    expect(exported.promises[0]?.floorView).toBeLessThan(view + 1);
    for (const node of others) await node.start();
    await pending;
  });

  it('leaves a home that refuses to sign and says where the key went', async () => {
    const left = moveAside('left');
    const run = await runNode(left);
    expect([run.exitCode, run.failed?.code], run.output).toEqual([6, 'KEY_EXPORTED']);
    expect(run.failed?.data).toEqual({ guard: exported.guard, exportedAt: exported.exportedAt });
    expect(movedOf(await exportTo(first(), left)).guard).toBe(exported.guard);
  });

  it('starts in its new home, catches up, agrees, and is counted on', async () => {
    prepareMachine(place('left'));
    expect(movedOf(await importFrom(first())).promises).toEqual(exported.promises);
    await mover().start();
    await expectAgreement();
    await network.nodes[0]?.stop();
    for (let count = 0; count < 3; count += 1) await load.once();
    await network.nodes[0]?.start();
    await expectAgreement();
  });

  it('is not contradicted by a backup of its old home from before the export', async () => {
    await mover().stop();
    const run = await runNode(place('backup'));
    expect([run.exitCode, run.failed?.code], run.output).toEqual([6, 'KEY_USED_TWICE']);
    await mover().start();
    await expectAgreement();
  });

  it('is not taken back by the guard file that it came with, nor by an older one after it moved on', async () => {
    await mover().stop();
    const again = await importFrom(first());
    expect([again.code, codeOf(again)]).toEqual([6, 'GUARD_CONSUMED']);
    await mover().start();
    await expectAgreement();
    await mover().stop();
    expect(movedOf(await exportTo(second()))).toMatchObject({ generation: 2 });
    movedOf(await importFrom(second()));
    const older = await importFrom(first());
    expect([older.code, codeOf(older)]).toEqual([6, 'GUARD_OLDER']);
    await mover().start();
    await expectAgreement();
  });

  it('comes back to its first home with everything it promised elsewhere', async () => {
    await mover().stop();
    const third = place('third.guard');
    expect(movedOf(await exportTo(third))).toMatchObject({ generation: 3 });
    moveAside('second-home');
    cpSync(place('left'), home, { recursive: true });
    movedOf(await importFrom(third));
    const run = await runNode(place('second-home'));
    expect([run.exitCode, run.failed?.code], run.output).toEqual([6, 'KEY_EXPORTED']);
    await mover().start();
    await expectAgreement();
  });
});
