/** The simulated manufacturer of a network of separate operators: a file that they share, for testing only. */
import { ed25519PublicKey } from '#primitives';
import type { PublicKey } from '../protocol/brand.ts';
import { fromHex, toHex } from '../protocol/hex.ts';
import { readOptional, writeFileDurably } from '../node/home.ts';
import { createSimulatedRoot, type SimulatedRoot } from '../node/simulated-processor.ts';
import { nodeErrors } from '../node/errors.ts';

const NOTICE =
  'SIMULATED manufacturer: whoever reads this file can certify processors of this test network. Testing only.';

/** Reads the file, or creates it. Throws CONFIG_FILE_UNREADABLE. */
export const readOrCreateSimulatedRoot = async (path: string): Promise<SimulatedRoot> => {
  const present = await readOptional(path);
  if (present === undefined) {
    const root = createSimulatedRoot();
    await writeFileDurably(path, `${JSON.stringify({ notice: NOTICE, secret: toHex(root.secret) }, null, 2)}\n`);
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
