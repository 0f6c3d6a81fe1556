/** Descriptors that validators publish: `validator.json` of each home. */
import type { ValidatorDescriptor } from '../node/ceremony.ts';
import { cliErrors } from './errors.ts';
import { readTextFile } from './files.ts';

/** Reads descriptors; what they hold is checked with the genesis. Throws CONFIG_FILE_MISSING. */
export const readDescriptors = (paths: readonly string[]): Promise<ValidatorDescriptor[]> =>
  Promise.all(
    paths.map(async (path) => {
      const text = await readTextFile(path);
      try {
        return JSON.parse(text) as ValidatorDescriptor;
      } catch (cause) {
        throw cliErrors.error('CONFIG_FILE_MISSING', { path }, cause);
      }
    }),
  );
