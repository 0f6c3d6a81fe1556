/** Stands in for `node:fs`: the files of the process that runs now, on its machine's simulated disk. */
import { dirname } from 'node:path';
import { SimFile } from './disk.ts';
import { host } from './host.ts';

/** Bounds of the time that a sync takes. */
const FASTEST_SYNC_MS = 0.1;
const SLOWEST_SYNC_MS = 4;

/** One error for all: nodes look for files that need not be there, and a stack trace costs more than the rest of it. */
const missing = Object.assign(new Error('ENOENT: no such file or directory'), { code: 'ENOENT' });

/** Opens a file, or a folder for its sync. */
export const openSync = (path: string, flags: string): number => {
  const { files } = host().current.disk;
  let file = files.get(path);
  if (flags.startsWith('w')) {
    host().current.disk.checkSpace();
    if (file !== undefined && flags.startsWith('wx')) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' });
    file = new SimFile();
    if (host().mayAct(host().current)) files.set(path, file);
  } else if (file === undefined && flags !== 'r') throw missing;
  return host().open(file);
};

const fileOf = (descriptor: number): SimFile => {
  const file = host().openFiles.get(descriptor);
  if (file === undefined) throw Object.assign(new Error('EBADF'), { code: 'EBADF' });
  return file;
};

/** Closes a file. */
export const closeSync = (descriptor: number): void => {
  host().openFiles.delete(descriptor);
};

/** Writes at a place. */
export const writeSync = (
  descriptor: number,
  bytes: Uint8Array,
  start: number,
  length: number,
  position: number,
): number => {
  const { current } = host();
  current.disk.checkSpace();
  if (host().mayAct(current)) fileOf(descriptor).write(bytes.subarray(start, start + length), position);
  return length;
};

/** Reads from a place. */
export const readSync = (
  descriptor: number,
  target: Uint8Array,
  start: number,
  length: number,
  position: number,
): number => fileOf(descriptor).read(target.subarray(start, start + length), position);

/** Makes everything written so far durable, at once. */
export const fdatasyncSync = (descriptor: number): void => {
  const file = fileOf(descriptor);
  if (host().mayAct(host().current)) file.synced(file.unsynced);
};

/** Makes everything written so far durable, after a while. */
export const fdatasync = (descriptor: number, done: (error: Error | null) => void): void => {
  const { agenda, current, random } = host();
  const file = fileOf(descriptor);
  const writes = file.unsynced;
  host().later(current, agenda.nowMs + random.between(FASTEST_SYNC_MS, SLOWEST_SYNC_MS), () => {
    file.synced(writes);
    done(null);
  });
};

/** Makes a folder durable, which it is already. */
export const fsyncSync = (descriptor: number): void => {
  if (!host().openFiles.has(descriptor)) throw Object.assign(new Error('EBADF'), { code: 'EBADF' });
};

/** Cuts a file. */
export const ftruncateSync = (descriptor: number, length: number): void => {
  if (host().mayAct(host().current)) fileOf(descriptor).truncate(length);
};

/** Whether there is a file. */
export const existsSync = (path: string): boolean => host().current.disk.files.has(path);

/** Content of a file. */
export const readFileSync = (path: string): Uint8Array => {
  const file = host().current.disk.files.get(path);
  if (file === undefined) throw missing;
  return file.content;
};

/** Names of the files in a folder. */
export const readdirSync = (path: string): string[] =>
  [...host().current.disk.files.keys()].flatMap((name) =>
    dirname(name) === path ? [name.slice(path.length + 1)] : [],
  );

/** Removes a file. */
export const unlinkSync = (path: string): void => {
  if (host().mayAct(host().current)) host().current.disk.files.delete(path);
};

/** Gives a file another name. */
export const renameSync = (from: string, to: string): void => {
  const { files } = host().current.disk;
  const file = files.get(from);
  if (file === undefined) throw missing;
  if (!host().mayAct(host().current)) return;
  files.delete(from);
  files.set(to, file);
};

/** Folders need not be made. */
export const mkdirSync = (): void => undefined;
