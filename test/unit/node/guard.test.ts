/**
 * Moving a key between homes: never live in two, never without what it has signed, whatever interrupts it; and what a
 * home refuses.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyLock } from '../../../ledger/key-lock.ts';
import { custodyRecord, refuseForEver } from '../../../node/custody.ts';
import { exportGuard, type ExportedGuard } from '../../../node/guard-export.ts';
import { openGuard } from '../../../node/guard-file.ts';
import { importGuard, type ImportedGuard } from '../../../node/guard-import.ts';
import { promisesOf } from '../../../node/guard-state.ts';
import { homePaths, readKeystore } from '../../../node/home.ts';
import { GUARD_PASSPHRASE, GuardHome, genesisWith, HOME_PASSPHRASE, putGenesis } from '../../support/guard-home.ts';
import { codeOf, freshDirectory } from '../ledger/support.ts';
import { HISTORY, statement, vote } from './promises.ts';

const FIXTURE = fileURLToPath(new URL('fixtures/guard-crash.ts', import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/cloister', import.meta.url));
const homePassphrase = async (): Promise<string> => HOME_PASSPHRASE;

let prototypes: string;
let prototype: GuardHome;
let directory: string;
let source: GuardHome;
let out: string;

beforeAll(async () => {
  prototypes = await mkdtemp(join(tmpdir(), 'cloister-guard-'));
  prototype = await GuardHome.found(join(prototypes, 'home'), HISTORY);
});

afterAll(() => rm(prototypes, { recursive: true }));

beforeEach(() => {
  directory = freshDirectory();
  cpSync(prototype.path, join(directory, 'source'), { recursive: true });
  source = new GuardHome(join(directory, 'source'), prototype.genesis);
  out = join(directory, 'out', 'the.guard');
});

const exportFrom = (home: GuardHome, file = out): Promise<ExportedGuard> =>
  exportGuard({ home: home.path, passphrase: HOME_PASSPHRASE, guardPassphrase: GUARD_PASSPHRASE, out: file });
const importInto = (path: string, file = out, guardPassphrase = GUARD_PASSPHRASE): Promise<ImportedGuard> =>
  importGuard({ home: path, file: readFileSync(file, 'utf8'), guardPassphrase, homePassphrase });
const homeAt = (name: string): GuardHome => new GuardHome(join(directory, name), source.genesis);
const startCode = (home: GuardHome): Promise<string> =>
  codeOf(home.start().then((state) => state[Symbol.asyncDispose]()));
const promisesIn = async (home: GuardHome) => {
  await using state = await home.open();
  return promisesOf(state.records);
};
/** The error itself, where its facts matter. */
const failureOf = async (promise: Promise<unknown>): Promise<{ readonly data?: object } | undefined> =>
  promise.then(
    () => undefined,
    (error: unknown) => error as object,
  );

describe('a move', () => {
  it('takes key, identity, promises and enclave along, and leaves a home that says where they went', async () => {
    const exported = await exportFrom(source);
    expect(exported).toMatchObject({ repeated: false, promises: promisesOf(HISTORY), guard: { generation: 1 } });
    expect(await failureOf(source.start())).toMatchObject({
      code: 'KEY_EXPORTED',
      data: { guard: exported.guard.guard, exportedAt: exported.guard.exportedAt },
    });
    const target = homeAt('target');
    expect((await importInto(target.path)).promises).toEqual(promisesOf(HISTORY));
    expect(await promisesIn(target)).toEqual(promisesOf(HISTORY));
    expect(await startCode(target)).toBe('resolved');
    expect(await startCode(source)).toBe('KEY_EXPORTED');
    const [before, after] = [await source.keystore(), await target.keystore()];
    expect([after.secrets.validator, after.secrets.network]).toEqual([
      before.secrets.validator,
      before.secrets.network,
    ]);
    expect(after.secrets.replica).not.toEqual(before.secrets.replica);
    for (const file of ['genesis', 'processor', 'sealedIdentity', 'sealedEpoch'] as const)
      expect(readFileSync(homePaths(target.path)[file])).toEqual(readFileSync(homePaths(source.path)[file]));
    expect((await target.custody()).state).toBe('used');
  });

  it('of a key that never signed works as well', async () => {
    const unused = await GuardHome.found(join(directory, 'unused'));
    expect((await exportFrom(unused)).promises).toEqual([]);
    await importInto(join(directory, 'target'));
    expect(await startCode(new GuardHome(join(directory, 'target'), unused.genesis))).toBe('resolved');
  });

  it('goes on: there, votes, and back again with them', async () => {
    await exportFrom(source);
    const target = homeAt('target');
    await importInto(target.path);
    await target.sign([vote(2, 4, 'finalize')]);
    const back = join(directory, 'back.guard');
    expect((await exportFrom(target, back)).guard.generation).toBe(2);
    expect(await startCode(target)).toBe('KEY_EXPORTED');
    await importInto(source.path, back);
    expect(await startCode(source)).toBe('resolved');
    expect(await promisesIn(source)).toEqual(promisesOf([...HISTORY, vote(2, 4, 'finalize')]));
    expect(await codeOf(importInto(source.path))).toBe('GUARD_OLDER');
    expect(await startCode(source)).toBe('resolved');
  });

  it('can be taken back by the home that it left, while nobody else imported it', async () => {
    await exportFrom(source);
    await importInto(source.path);
    expect(await startCode(source)).toBe('resolved');
    expect(await codeOf(importInto(source.path))).toBe('GUARD_CONSUMED');
  });

  it('can be exported again as often as the file is lost, always as the same guard', async () => {
    const first = await exportFrom(source);
    rmSync(out);
    const second = await exportFrom(source);
    expect(second).toEqual({ ...first, repeated: true });
    expect((await exportFrom(source)).guard).toEqual(first.guard);
  });
});

describe('a crash', () => {
  const run = (command: string, home: string, file: string, killAt: number) =>
    spawnSync(process.execPath, [FIXTURE, command, home, file, String(killAt)], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILE_CACHE },
    });

  it('between any two effects of an export leaves no key that is live and readable at once, and the same command completes it', async () => {
    const effects = Number(run('export', cloneOf('whole'), join(directory, 'whole.guard'), -1).stdout);
    expect(effects).toBe(4);
    for (let killAt = 0; killAt < effects; killAt += 1) {
      const home = new GuardHome(cloneOf(`killed-${killAt}`), source.genesis);
      const file = join(directory, `killed-${killAt}.guard`);
      expect(run('export', home.path, file, killAt).signal).toBe('SIGKILL');
      expect(existsSync(file), 'the file appears last').toBe(false);
      const code = await startCode(home);
      expect(code, `killed before effect ${killAt}`).toBe(killAt < 2 ? 'resolved' : 'KEY_EXPORTED');
      const { guard, repeated } = await exportFrom(home, file);
      expect(repeated).toBe(killAt >= 2);
      expect(await failureOf(home.start())).toMatchObject({ code: 'KEY_EXPORTED', data: { guard: guard.guard } });
      expect(openGuard(readFileSync(file, 'utf8'), GUARD_PASSPHRASE).content.promises).toEqual(promisesOf(HISTORY));
    }
  });

  it('between any two effects of an import leaves a home that does not sign, and the same command completes it', async () => {
    await exportFrom(source);
    const effects = Number(run('import', join(directory, 'whole'), out, -1).stdout);
    expect(effects).toBe(4);
    for (let killAt = 0; killAt < effects; killAt += 1) {
      const home = homeAt(`killed-${killAt}`);
      expect(run('import', home.path, out, killAt).signal).toBe('SIGKILL');
      expect(await startCode(home), `killed before effect ${killAt}`).toBe(
        killAt < 2 ? 'CONFIG_FILE_UNREADABLE' : 'GUARD_UNFINISHED',
      );
      await importInto(home.path);
      expect(await startCode(home)).toBe('resolved');
      expect(await promisesIn(home)).toEqual(promisesOf(HISTORY));
    }
  });

  it('between any two effects of the way back loses neither old nor new promises', async () => {
    await exportFrom(source);
    const target = homeAt('target');
    await importInto(target.path);
    await target.sign([vote(2, 4, 'finalize')]);
    const back = join(directory, 'back.guard');
    await exportFrom(target, back);
    for (const killAt of [1, 2, 3]) {
      const home = new GuardHome(cloneOf(`killed-${killAt}`), source.genesis);
      expect(run('import', home.path, back, killAt).signal).toBe('SIGKILL');
      expect(await startCode(home)).toBe(killAt < 2 ? 'KEY_EXPORTED' : 'GUARD_UNFINISHED');
      if (killAt >= 2) expect(await codeOf(importInto(home.path)), 'another guard').toBe('GUARD_UNFINISHED');
      await importInto(home.path, back);
      expect(await startCode(home)).toBe('resolved');
      expect(await promisesIn(home)).toEqual(promisesOf([...HISTORY, vote(2, 4, 'finalize')]));
    }
  });

  const cloneOf = (name: string): string => {
    const path = join(directory, name);
    cpSync(source.path, path, { recursive: true });
    return path;
  };
});

describe('an export refuses', () => {
  it('while the validator runs, and disables nothing', async () => {
    const { secrets } = await source.keystore();
    const lock = await KeyLock.acquire(join(directory, 'elsewhere'), secrets.validator);
    expect(await codeOf(exportFrom(source))).toBe('KEY_IN_USE');
    expect(await startCode(source)).toBe('KEY_IN_USE');
    await lock.release();
    expect(await startCode(source)).toBe('resolved');
  });

  it('to overwrite anything but the same guard, and a place where nothing can be written, and disables nothing', async () => {
    mkdirSync(join(directory, 'out'));
    writeFileSync(out, 'something');
    expect(await codeOf(exportFrom(source))).toBe('GUARD_FILE_EXISTS');
    expect(await codeOf(exportFrom(source, join(out, 'below-a-file')))).toMatch(/^(GUARD_NOT_WRITTEN|CONFIG_)/u);
    expect(readFileSync(out, 'utf8')).toBe('something');
    expect(await startCode(source)).toBe('resolved');
    const other = await GuardHome.found(join(directory, 'other'));
    await exportFrom(other, join(directory, 'other.guard'));
    expect(await codeOf(exportFrom(source, join(directory, 'other.guard')))).toBe('GUARD_FILE_EXISTS');
  });

  it('a key that was used twice', async () => {
    await using state = await source.start();
    const error = await refuseForEver(state.wal, await source.validatorKey(), 0, statement(2, 9, 'finalize'));
    expect(error).toMatchObject({ code: 'KEY_USED_TWICE', data: { heard: 'finalize', epoch: 2, view: 9 } });
    await state[Symbol.asyncDispose]();
    expect(await codeOf(exportFrom(source))).toBe('KEY_USED_TWICE');
    expect(await startCode(source)).toBe('KEY_USED_TWICE');
    expect(existsSync(out)).toBe(false);
  });

  it('a home whose log is gone, or older than its keystore', async () => {
    const older = join(directory, 'votes.older');
    cpSync(homePaths(source.path).votes, older, { recursive: true });
    await exportFrom(source);
    rmSync(homePaths(source.path).votes, { recursive: true });
    expect(await codeOf(exportFrom(source))).toBe('WAL_MISSING');
    rmSync(homePaths(source.path).votes, { recursive: true });
    cpSync(older, homePaths(source.path).votes, { recursive: true });
    expect(await codeOf(exportFrom(source))).toBe('UNSAFE_TO_SIGN');
    expect(await startCode(source), 'the keystore still knows').toBe('KEY_EXPORTED');
  });
});

describe('an import refuses', () => {
  beforeEach(() => exportFrom(source));

  it('a wrong passphrase and a damaged file, and leaves nothing behind', async () => {
    const target = join(directory, 'target');
    expect(await codeOf(importInto(target, out, 'wrong'))).toBe('GUARD_LOCKED');
    writeFileSync(out, readFileSync(out, 'utf8').replace(/"sealed": "../u, '"sealed": "00'));
    expect(await codeOf(importInto(target))).toBe('GUARD_DAMAGED');
    expect(existsSync(target)).toBe(false);
  });

  it('a home of another network', async () => {
    const target = homeAt('target');
    putGenesis(target.path, genesisWith((await source.keystore()).secrets, 'another'));
    expect(await codeOf(importInto(target.path))).toBe('GUARD_WRONG_CHAIN');
  });

  it('the home of another validator, and a history that no keystore explains', async () => {
    const other = await GuardHome.found(join(directory, 'other'), HISTORY);
    const before = readFileSync(homePaths(other.path).keystore);
    putGenesis(other.path, source.genesis);
    expect(await codeOf(importInto(other.path))).toBe('GUARD_OTHER_VALIDATOR');
    expect(readFileSync(homePaths(other.path).keystore)).toEqual(before);
    rmSync(homePaths(other.path).keystore);
    expect(await codeOf(importInto(other.path))).toBe('GUARD_OTHER_VALIDATOR');
  });

  it('a second time in the same home, also after it signed', async () => {
    const target = homeAt('target');
    await importInto(target.path);
    expect(await codeOf(importInto(target.path))).toBe('GUARD_CONSUMED');
    await target.sign([vote(2, 4, 'notarize')]);
    expect(await codeOf(importInto(target.path))).toBe('GUARD_CONSUMED');
    expect((await promisesIn(target)).at(-1)?.votes).toContainEqual(statement(2, 4, 'notarize'));
  });

  it('a guard that does not know votes of a home, though its generation is newer', async () => {
    const stray = homeAt('stray');
    cpSync(source.path, stray.path, { recursive: true });
    const target = homeAt('target');
    await importInto(target.path);
    await exportFrom(target, join(directory, 'second.guard'));
    // A copy of the source taken back, which then votes: the guard of generation 2 has never heard of it.
    await importInto(stray.path);
    await stray.sign([vote(2, 4, 'nullify')]);
    const failure = await failureOf(importInto(stray.path, join(directory, 'second.guard')));
    expect(failure).toMatchObject({ code: 'GUARD_OLDER', data: { vote: 'nullify', epoch: 2, view: 4 } });
  });

  it('while a process uses the key', async () => {
    const { secrets } = await source.keystore();
    const lock = await KeyLock.acquire(join(directory, 'elsewhere'), secrets.validator);
    expect(await codeOf(importInto(join(directory, 'target')))).toBe('KEY_IN_USE');
    await lock.release();
    await importInto(join(directory, 'target'));
  });

  it('nothing of a key that was refused here, once a newer guard covers all', async () => {
    const target = homeAt('target');
    await importInto(target.path);
    const stray = homeAt('stray');
    cpSync(target.path, stray.path, { recursive: true });
    await using state = await stray.start();
    await refuseForEver(state.wal, await stray.validatorKey(), 1, statement(2, 5, 'notarize'));
    await state[Symbol.asyncDispose]();
    expect(await startCode(stray)).toBe('KEY_USED_TWICE');
    await target.sign([vote(2, 5, 'notarize')]);
    await exportFrom(target, join(directory, 'second.guard'));
    await importInto(stray.path, join(directory, 'second.guard'));
    expect(await startCode(stray)).toBe('resolved');
  });
});

describe('a home', () => {
  it('without log and ledger is no new one: its keystore says that the key has signed', async () => {
    rmSync(homePaths(source.path).votes, { recursive: true });
    rmSync(homePaths(source.path).ledger, { recursive: true });
    expect(await startCode(source)).toBe('WAL_MISSING');
  });

  it('whose keystore is put back to its founding still knows from its log that the key is gone', async () => {
    const founded = readFileSync(homePaths(source.path).keystore);
    await exportFrom(source);
    writeFileSync(homePaths(source.path).keystore, founded);
    expect(await startCode(source)).toBe('KEY_EXPORTED');
  });

  it('does not mind what its log says of another key', async () => {
    await using state = await source.open();
    const { validatorKey: _own, ...rest } = {
      state: 'refused' as const,
      validatorKey: '',
      generation: 0,
      guard: undefined,
      timeMs: 1,
      vote: undefined,
    };
    state.wal.append(custodyRecord({ ...rest, validatorKey: 'ab'.repeat(32) as never }));
    await state[Symbol.asyncDispose]();
    expect(await startCode(source)).toBe('resolved');
  });

  it('keeps the keystore of before open with its passphrase', async () => {
    expect((await readKeystore(source.path, HOME_PASSPHRASE)).custody).toMatchObject({ state: 'used', generation: 0 });
    expect(await codeOf(readKeystore(source.path, 'wrong'))).toBe('KEYSTORE_LOCKED');
  });
});
