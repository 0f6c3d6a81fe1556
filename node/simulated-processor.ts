/**
 * Simulated processors: the files that stand in for a chip's fused secrets on a test network.
 *
 * Whoever reads such a file can open what the enclave sealed with it: that is what "simulated" means, and why a policy
 * of class `production` refuses the platform.
 */
import { readFile } from 'node:fs/promises';
import { ed25519PublicKey, randomBytes } from '#primitives';
import { certifySimProcessor, CHIP_ID_BYTES, encodeSimCertificate } from '../protocol/attestation.ts';
import type { PublicKey } from '../protocol/brand.ts';
import { fromHex, toHex } from '../protocol/hex.ts';
import { nodeErrors } from './errors.ts';
import { readOptional, writeFileDurably } from './home.ts';

/** A simulated processor. */
export interface SimulatedProcessor {
  /** Sealing and attestation secret of the chip, 32 bytes. */
  readonly secret: Uint8Array;
  /** Encoded certificate under the network's simulated root. */
  readonly certificate: Uint8Array;
}

/** The simulated manufacturer of a network: certifies its processors, those of machines that join later included. */
export interface SimulatedRoot {
  readonly secret: Uint8Array;
  readonly publicKey: PublicKey;
}

/** A fresh manufacturer. */
const createSimulatedRoot = (): SimulatedRoot => {
  const secret = randomBytes(32);
  return { secret, publicKey: toHex(ed25519PublicKey(secret)) as PublicKey };
};

const ROOT_NOTICE =
  'SIMULATED manufacturer: whoever reads this file can certify processors of this test network. Testing only.';

/** Reads the file that the operators of a test network share, or creates it. Throws CONFIG_FILE_UNREADABLE. */
export const readOrCreateSimulatedRoot = async (path: string): Promise<SimulatedRoot> => {
  const present = await readOptional(path);
  if (present === undefined) {
    const root = createSimulatedRoot();
    await writeFileDurably(path, `${JSON.stringify({ notice: ROOT_NOTICE, secret: toHex(root.secret) }, null, 2)}\n`);
    return root;
  }
  try {
    const secret = fromHex((JSON.parse(Buffer.from(present).toString('utf8')) as { readonly secret: string }).secret);
    return { secret, publicKey: toHex(ed25519PublicKey(secret)) as PublicKey };
  } catch {
    // Without cause: a parser's message may quote the secret.
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path });
  }
};

/** A fresh processor under a manufacturer. */
export const createProcessor = (root: SimulatedRoot): SimulatedProcessor => {
  const secret = randomBytes(32);
  const key = toHex(ed25519PublicKey(secret)) as PublicKey;
  return {
    secret,
    certificate: encodeSimCertificate(certifySimProcessor(root.secret, randomBytes(CHIP_ID_BYTES), key)),
  };
};

const NOTICE = 'SIMULATED processor secrets: whoever reads this file can open what the enclave sealed. Testing only.';

/** Writes a processor file. */
export const writeProcessor = (path: string, { secret, certificate }: SimulatedProcessor): Promise<void> =>
  writeFileDurably(
    path,
    `${JSON.stringify({ notice: NOTICE, secret: toHex(secret), certificate: toHex(certificate) }, null, 2)}\n`,
  );

/** Reads a processor file. Throws CONFIG_FILE_UNREADABLE. */
export const readProcessor = async (path: string): Promise<SimulatedProcessor> => {
  try {
    const file = JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
    return { secret: fromHex(file['secret'] ?? ''), certificate: fromHex(file['certificate'] ?? '') };
  } catch {
    // Without cause: a parser's message may quote the secret.
    throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path });
  }
};
