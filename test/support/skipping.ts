/** Skipping tests for what a machine lacks, never in silence: each prints what is missing and what would bring it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BESIDE = fileURLToPath(new URL('../../../shared', import.meta.url));

/** Whether to skip; says why on stderr. */
export const skipUnless = (available: boolean, what: string, why: string): boolean => {
  if (!available) process.stderr.write(`SKIPPED: ${what}: ${why}\n`);
  return !available;
};

/** A folder of the data beside the repository, and whether tests over it must be skipped. */
export const sharedData = (folder: string): { readonly path: string; readonly isMissing: boolean } => {
  const path = join(process.env['CLOISTER_SHARED'] ?? BESIDE, 'data', folder);
  const why = `there is no ${path}; set CLOISTER_SHARED to the folder that holds data/${folder}.`;
  return { path, isMissing: skipUnless(existsSync(path), `tests over the published data ${folder}`, why) };
};
