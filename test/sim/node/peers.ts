/** Names of machines on the simulated network, as they stand in the genesis. */
import type { PeerName } from '../../../node/network/types.ts';

/** Name of a machine. */
export const peerOf = (machine: number): PeerName => `peer-${machine}` as PeerName;

/** The machine with a name. */
export const machineOf = (peer: PeerName): number => Number(peer.slice('peer-'.length));
