/** Stands in for `node:fs/promises`. */
import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, renameSync, writeSync } from './files.ts';

/** Folders need not be made. */
export const mkdir = async (): Promise<void> => undefined;

/** Names of the files in a folder. */
export const readdir = async (path: string): Promise<string[]> => readdirSync(path);

/** Content of a file. */
export const readFile = async (path: string, encoding?: 'utf8'): Promise<Uint8Array | string> => {
  const content = readFileSync(path);
  return encoding === undefined ? content : Buffer.from(content).toString(encoding);
};

/** Gives a file another name. */
export const rename = async (from: string, to: string): Promise<void> => renameSync(from, to);

/** Opens a file that is written whole, or a folder. */
export const open = async (path: string, flags: string) => {
  const descriptor = openSync(path, flags);
  const isFile = flags.startsWith('w');
  return {
    writeFile: async (content: string | Uint8Array): Promise<void> => {
      const bytes = typeof content === 'string' ? Buffer.from(content) : content;
      writeSync(descriptor, bytes, 0, bytes.length, 0);
    },
    sync: async (): Promise<void> => {
      if (isFile) fdatasyncSync(descriptor);
    },
    close: async (): Promise<void> => closeSync(descriptor),
  };
};
