/**
 * Ports of local networks: blocks of ten a validator from 17700 (+0 peers, +1 client API, +2 operations).
 *
 * The tenth port of each block is held open by the process that runs the network: a claim that other networks see at
 * once, before the first node listens, and that the operating system takes back however the process ends.
 */
import { createServer, type Server } from 'node:net';
import { testnetErrors } from './errors.ts';

/** First port of the first block. */
export const FIRST_PORT = 17_700;
/** Ports of one validator. */
export const PORTS_PER_VALIDATOR = 10;

const HOST = '127.0.0.1';
const CLAIM_OFFSET = 9;
const USED_OFFSETS = [0, 1, 2] as const;
const LAST_PORT = 65_535;

/** Ports that are held for a network until disposed. */
export interface PortClaim extends AsyncDisposable {
  readonly base: number;
}

const listenOn = (port: number): Promise<Server | undefined> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: HOST, port, exclusive: true }, () => resolve(server));
  });

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

const isFree = async (port: number): Promise<boolean> => {
  const server = await listenOn(port);
  if (server === undefined) return false;
  await close(server);
  return true;
};

const tryClaim = async (base: number, validators: number): Promise<PortClaim | { readonly taken: number }> => {
  const held: Server[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(held.map(close));
  };
  for (let index = 0; index < validators; index += 1) {
    const block = base + PORTS_PER_VALIDATOR * index;
    const claim = await listenOn(block + CLAIM_OFFSET);
    if (claim !== undefined) held.push(claim.unref());
    const free = await Promise.all(USED_OFFSETS.map((offset) => isFree(block + offset)));
    const firstTaken =
      claim === undefined ? CLAIM_OFFSET : USED_OFFSETS.find((_offset, position) => free[position] === false);
    if (firstTaken === undefined) continue;
    await release();
    return { taken: block + firstTaken };
  }
  return { base, [Symbol.asyncDispose]: release };
};

/** Claims the range that starts at `base`. Throws TESTNET_PORTS_TAKEN. */
export const claimPorts = async (base: number, validators: number): Promise<PortClaim> => {
  const claim = await tryClaim(base, validators);
  if ('taken' in claim) throw testnetErrors.error('TESTNET_PORTS_TAKEN', { port: claim.taken });
  return claim;
};

/** Claims the first range that is wholly free. Throws TESTNET_PORTS_TAKEN when there is none. */
export const claimFreePorts = async (validators: number): Promise<PortClaim> => {
  let base = FIRST_PORT;
  while (base + PORTS_PER_VALIDATOR * validators <= LAST_PORT) {
    const claim = await tryClaim(base, validators);
    if (!('taken' in claim)) return claim;
    base = claim.taken - (claim.taken % PORTS_PER_VALIDATOR) + PORTS_PER_VALIDATOR;
  }
  throw testnetErrors.error('TESTNET_PORTS_TAKEN', { port: base });
};
