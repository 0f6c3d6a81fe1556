/**
 * The measurement of the enclave bundle on this machine: its SHA-384 on the simulated platform.
 *
 * A wrong bundle could do no harm, since other enclaves would refuse its evidence; it is refused at start so that the
 * operator learns of it at once.
 */
import { readFile } from 'node:fs/promises';
import { sha384 } from '#primitives';
import type { Measurement } from '../protocol/brand.ts';
import { toHex } from '../protocol/hex.ts';
import { nodeErrors } from './errors.ts';

/** Compares the bundle with the measurement of the genesis. Throws MEASUREMENT_MISMATCH or CONFIG_FILE_UNREADABLE. */
export const checkMeasurement = async (bundlePath: string, expected: Measurement): Promise<void> => {
  let bundle: Uint8Array;
  try {
    bundle = await readFile(bundlePath);
  } catch (cause) {
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path: bundlePath }, cause);
  }
  const found = toHex(sha384(bundle));
  if (found !== expected) throw nodeErrors.error('MEASUREMENT_MISMATCH', { expected, found });
};
