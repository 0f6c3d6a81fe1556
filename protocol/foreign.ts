/** Decoding of foreign bytes into a verdict instead of an exception. */
import { type Codec, decode } from './codec.ts';
import { isCloisterError } from './errors.ts';

/** Decodes foreign bytes whose size the caller has bounded; undefined when they are not canonical. */
export const decodeOrUndefined = <T>(codec: Codec<T>, foreign: Uint8Array): T | undefined => {
  try {
    return decode(codec, foreign, foreign.length);
  } catch (error) {
    if (isCloisterError(error)) return undefined;
    throw error;
  }
};
