/** The write-ahead log: durability before signing, torn tails, refusal to sign. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SyntheticSeal } from '../../../ledger/record-cipher.ts';
import { type LoadedLog, loadLog } from '../../../ledger/wal-load.ts';
import { type WalOptions, type WalRecord, WriteAheadLog } from '../../../ledger/index.ts';
import type { ChainId } from '../../../protocol/brand.ts';
import { fromHex } from '../../../protocol/hex.ts';
import { bytes32, chainId, codeOf, freshDirectory, noise } from './support.ts';

const record = (view: number, payloadBytes = 20): WalRecord => ({
  kind: 1 + (view % 3),
  epoch: 1,
  view,
  payload: noise(`payload ${view}`, payloadBytes),
});

/** Every directory has its own key, because the lock of a key holds machine-wide. */
const options = (directory: string, more: Partial<WalOptions> = {}): WalOptions => ({
  replicaKey: bytes32(directory),
  chainId,
  ...more,
});

const openAll = async (directory: string, more: Partial<WalOptions> = {}) => {
  const records: WalRecord[] = [];
  const opened = await WriteAheadLog.open(
    directory,
    options(directory, { onRecord: (found) => records.push(found), ...more }),
  );
  return { ...opened, records };
};

/** Loads a log without its lock, for the exhaustive tests. */
const load = (directory: string, key: Uint8Array): { loaded: LoadedLog; records: WalRecord[] } => {
  const records: WalRecord[] = [];
  const loaded = loadLog({
    directory,
    chainId: fromHex(chainId),
    seal: new SyntheticSeal(key, 'wal'),
    mustExist: false,
    onRecord: (found) => records.push(found),
  });
  loaded.marker.close();
  return { loaded, records };
};

const loadCode = (directory: string, key: Uint8Array): string => {
  try {
    load(directory, key);
    return 'opened';
  } catch (failure) {
    return typeof failure === 'object' && failure !== null && 'code' in failure
      ? String(failure.code)
      : String(failure);
  }
};

const segment = (number: number): string => `${String(number).padStart(8, '0')}.wal`;
const snapshot = (directory: string) => ({
  log: readFileSync(join(directory, segment(1))),
  state: readFileSync(join(directory, 'wal.state')),
});

describe('write-ahead log', () => {
  it('gives back what was synced, in order, over several openings', async () => {
    const directory = freshDirectory();
    const written: WalRecord[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { log, report, records } = await openAll(directory);
      expect(report).toMatchObject({ created: round === 0, tornBytes: 0, records: written.length });
      expect(records).toEqual(written);
      for (let i = 0; i < 4; i += 1) {
        const next = [record(round * 10 + i), record(round * 10 + i, i * 1000)];
        log.append(...next);
        written.push(...next);
        await log.sync();
      }
      await log.close();
      await log.close();
    }
  });

  it('makes concurrent callers share a sync and resolves none early', async () => {
    const directory = freshDirectory();
    const { log } = await openAll(directory);
    const done: number[] = [];
    const waits = Array.from({ length: 50 }, async (_, view) => {
      log.append(record(view));
      await log.sync();
      done.push(view);
    });
    await Promise.all(waits);
    expect(done.length).toBe(50);
    await log.sync();
    await log.close();
    expect(await codeOf(log.sync())).toBe('WAL_CLOSED');
    const again = await openAll(directory);
    expect(again.records.map(({ view }) => view)).toEqual(Array.from({ length: 50 }, (_, view) => view));
    await again.log.close();
  });

  it('cuts a torn last record at every byte position and goes on', async () => {
    const directory = freshDirectory();
    const key = bytes32(directory);
    const { log } = await openAll(directory);
    for (const view of [1, 2]) {
      log.append(record(view));
      await log.sync();
    }
    const synced = snapshot(directory);
    log.append(record(3));
    await log.sync();
    const { log: whole, state } = snapshot(directory);
    await log.close();
    for (let length = synced.log.length; length <= whole.length; length += 1) {
      const torn = whole.subarray(0, length);
      // The process died in the middle of the write: the marker does not know the record yet.
      writeFileSync(join(directory, segment(1)), torn);
      writeFileSync(join(directory, 'wal.state'), synced.state);
      const { loaded, records } = load(directory, key);
      const complete = length === whole.length;
      expect(records.map(({ view }) => view)).toEqual(complete ? [1, 2, 3] : [1, 2]);
      expect(loaded.report.tornBytes).toBe(complete ? 0 : length - synced.log.length);
      // The record had been synced, and is cut off: refused.
      writeFileSync(join(directory, segment(1)), torn);
      writeFileSync(join(directory, 'wal.state'), state);
      expect(loadCode(directory, key)).toBe(complete ? 'opened' : 'WAL_CORRUPT');
    }
    writeFileSync(join(directory, segment(1)), whole.subarray(0, whole.length - 7));
    writeFileSync(join(directory, 'wal.state'), synced.state);
    const again = await openAll(directory);
    again.log.append(record(4));
    await again.log.close();
    const last = await openAll(directory);
    expect(last.records.map(({ view }) => view)).toEqual([1, 2, 4]);
    await last.log.close();
  });

  it('refuses a log with a flipped byte anywhere', async () => {
    const directory = freshDirectory();
    const key = bytes32(directory);
    const { log } = await openAll(directory);
    const first = snapshot(directory);
    for (const view of [1, 2, 3, 4]) {
      log.append(record(view));
      await log.sync();
    }
    const middle = snapshot(directory).log.length;
    for (const view of [5, 6]) {
      log.append(record(view));
      await log.sync();
    }
    await log.close();
    const { log: whole, state } = snapshot(directory);
    for (let offset = 0; offset < whole.length; offset += 1) {
      const flipped = Uint8Array.from(whole);
      flipped[offset] = (flipped[offset] ?? 0) ^ 0x10;
      writeFileSync(join(directory, segment(1)), flipped);
      writeFileSync(join(directory, 'wal.state'), state);
      expect(loadCode(directory, key), `offset ${offset}`).toBe('WAL_CORRUPT');
      if (offset >= middle) continue;
      // Even with a marker from the first moment: later syncs prove that the record had been whole.
      writeFileSync(join(directory, segment(1)), flipped);
      writeFileSync(join(directory, 'wal.state'), first.state);
      expect(loadCode(directory, key), `old marker, offset ${offset}`).toBe('WAL_CORRUPT');
    }
    writeFileSync(join(directory, segment(1)), whole);
    for (let offset = 0; offset < state.length; offset += 7) {
      const flipped = Uint8Array.from(state);
      flipped[offset] = (flipped[offset] ?? 0) ^ 1;
      writeFileSync(join(directory, 'wal.state'), flipped);
      expect(loadCode(directory, key), `marker offset ${offset}`).toBe('WAL_CORRUPT');
    }
  });

  it('starts new segments, prunes whole ones and notices a missing one', async () => {
    const directory = freshDirectory();
    const key = bytes32(directory);
    const { log } = await openAll(directory, { segmentBytes: 2000 });
    for (let view = 1; view <= 40; view += 1) {
      log.append(record(view, 300));
      await log.sync();
    }
    const before = readdirSync(directory).filter((name) => name.endsWith('.wal'));
    expect(before.length).toBeGreaterThan(5);
    expect(await log.prune(1, 3)).toBe(0);
    const dropped = await log.prune(1, 20);
    expect(dropped).toBeGreaterThan(1);
    await log.close();
    const names = readdirSync(directory)
      .filter((name) => name.endsWith('.wal'))
      .sort();
    expect(names.length).toBe(before.length - dropped);
    const { log: second, records } = await openAll(directory, { segmentBytes: 2000 });
    const views = records.map(({ view }) => view);
    expect(views.at(-1)).toBe(40);
    expect(views[0]).toBeLessThanOrEqual(20);
    await second.close();
    for (const name of names) {
      const copy = freshDirectory();
      cpSync(directory, copy, { recursive: true });
      rmSync(join(copy, name));
      expect(loadCode(copy, key), name).toBe('WAL_CORRUPT');
    }
    for (const [index, name] of names.entries()) {
      const copy = freshDirectory();
      cpSync(directory, copy, { recursive: true });
      const file = join(copy, name);
      truncateSync(file, readFileSync(file).length - 1);
      expect(loadCode(copy, key), name).toBe('WAL_CORRUPT');
      const other = names[(index + 1) % names.length] ?? '';
      cpSync(join(directory, other), file);
      expect(loadCode(copy, key), name).toBe('WAL_CORRUPT');
    }
    const late = await openAll(directory, { segmentBytes: 2000 });
    expect(await late.log.prune(2, 0)).toBe(names.length - 1);
    late.log.append(record(41));
    await late.log.close();
    expect(load(directory, key).records.at(-1)?.view).toBe(41);
  });

  it('survives a crash at any point of the creation of a segment', async () => {
    const directory = freshDirectory();
    const key = bytes32(directory);
    const { log } = await openAll(directory, { segmentBytes: 500 });
    log.append(record(1, 600));
    await log.sync();
    const before = snapshot(directory);
    log.append(record(2, 10));
    await log.sync();
    const header = readFileSync(join(directory, segment(2))).subarray(0, 110);
    await log.close();
    for (let length = 0; length <= header.length; length += 1) {
      writeFileSync(join(directory, segment(2)), header.subarray(0, length));
      writeFileSync(join(directory, 'wal.state'), before.state);
      expect(
        load(directory, key).records.map(({ view }) => view),
        `header of ${length} bytes`,
      ).toEqual([1]);
    }
  });

  it('tells a log that is gone from one that never was', async () => {
    const directory = freshDirectory();
    expect(await codeOf(WriteAheadLog.open(directory, options(directory, { mustExist: true })))).toBe('WAL_MISSING');
    const { log } = await openAll(directory);
    log.append(record(1));
    await log.close();
    const { state } = snapshot(directory);
    expect(
      await codeOf(
        WriteAheadLog.open(
          directory,
          options(directory, { chainId: Buffer.from(bytes32('other')).toString('hex') as ChainId }),
        ),
      ),
    ).toBe('WAL_WRONG_CHAIN');
    rmSync(join(directory, 'wal.state'));
    expect(await codeOf(WriteAheadLog.open(directory, options(directory)))).toBe('WAL_CORRUPT');
    writeFileSync(join(directory, 'wal.state'), state);
    rmSync(join(directory, segment(1)));
    expect(await codeOf(WriteAheadLog.open(directory, options(directory)))).toBe('WAL_MISSING');
  });

  it('shows no metadata on disk', async () => {
    const directory = freshDirectory();
    const { log } = await openAll(directory);
    const canary = record(7, 200);
    log.append(canary);
    await log.close();
    const disk = Buffer.concat([snapshot(directory).log, snapshot(directory).state]);
    expect(disk.includes(Buffer.from(canary.payload.subarray(0, 12)))).toBe(false);
    expect(disk.includes(Buffer.from(chainId, 'hex'))).toBe(false);
  });

  it('keeps everything synced before a kill, and its lock ends with the process', async () => {
    const directory = freshDirectory();
    const script = `
      import { WriteAheadLog } from ${JSON.stringify(join(process.cwd(), 'ledger/index.ts'))};
      const { log } = await WriteAheadLog.open(${JSON.stringify(directory)}, { replicaKey: new Uint8Array(${JSON.stringify([...bytes32(directory)])}), chainId: ${JSON.stringify(chainId)} });
      const record = (view) => ({ kind: 1, epoch: 1, view, payload: new Uint8Array(50) });
      log.append(record(1), record(2));
      await log.sync();
      log.append(record(3));
      process.stdout.write('ready');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    expect(child.exitCode).toBeNull();
    expect(await codeOf(WriteAheadLog.open(directory, options(directory)))).toBe('KEY_IN_USE');
    const copy = freshDirectory();
    expect(await codeOf(WriteAheadLog.open(copy, options(directory)))).toBe(
      process.platform === 'linux' ? 'KEY_IN_USE' : 'resolved',
    );
    child.kill('SIGKILL');
    await exited;
    const { log, records, report } = await openAll(directory);
    expect(records.map(({ view }) => view)).toEqual([1, 2]);
    expect(report.tornBytes).toBe(0);
    expect(await codeOf(WriteAheadLog.open(directory, options(directory)))).toBe('KEY_IN_USE');
    await log.close();
  });

  it('refuses records outside its bounds', async () => {
    const directory = freshDirectory();
    const { log } = await openAll(directory);
    expect(() => log.append({ kind: 256, epoch: 1, view: 1, payload: new Uint8Array(0) })).toThrowError(
      expect.objectContaining({ code: 'LEDGER_INPUT_INVALID' }),
    );
    expect(() => log.append({ kind: 1, epoch: 1, view: 1, payload: new Uint8Array(9 * 1024 * 1024) })).toThrowError(
      expect.objectContaining({ code: 'LEDGER_INPUT_INVALID' }),
    );
    await log.close();
  });
});
