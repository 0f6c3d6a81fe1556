/**
 * Peer identities: the libp2p peer id of an Ed25519 key, as it stands in genesis.
 */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { Ed25519PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import type { PeerName } from './types.ts';

/** The libp2p key pair of a 32-byte Ed25519 secret (RFC 8032 seed). */
export const identityFromSecret = (secret: Uint8Array): Promise<Ed25519PrivateKey> =>
  generateKeyPairFromSeed('Ed25519', secret);

/** The peer id text of a 32-byte Ed25519 secret. */
export const peerIdFromSecret = async (secret: Uint8Array): Promise<PeerName> =>
  peerIdFromPrivateKey(await identityFromSecret(secret)).toString() as PeerName;
