/** From the configuration's texts to what the peer network is started with. */
import type { Configuration } from '../protocol/consensus/configuration.ts';
import type { Validator } from '../protocol/genesis.ts';
import { nodeErrors } from './errors.ts';
import type { PeerContact, PeerName } from './network/types.ts';

/** Host and port of a multiaddress such as /ip4/127.0.0.1/tcp/17700. Throws CONFIG_INVALID_VALUE. */
export const listenAddress = (multiaddress: string): { readonly host: string; readonly port: number } => {
  const [, family, host, transport, port] = multiaddress.split('/');
  const known = (family === 'ip4' || family === 'ip6') && transport === 'tcp' && /^\d{1,5}$/.test(port ?? '');
  if (!known || host === undefined) {
    throw nodeErrors.error('CONFIG_INVALID_VALUE', {
      key: 'network.listen',
      origin: 'node.toml',
      expected: 'such as /ip4/127.0.0.1/tcp/17700',
    });
  }
  return { host, port: Number(port) };
};

/** Machines that the operator's settings name: by name of a member, or by peer id in a full multiaddress. */
interface KnownPeers {
  readonly byName: ReadonlyMap<string, string>;
  readonly byPeerId: ReadonlyMap<string, string>;
}

const knownPeers = (settings: readonly string[]): KnownPeers => {
  const byName = new Map<string, string>();
  const byPeerId = new Map<string, string>();
  for (const setting of settings) {
    const full = /^(\/.+)\/p2p\/([^/]+)$/.exec(setting);
    const split = setting.indexOf('@');
    if (full?.[1] !== undefined && full[2] !== undefined) byPeerId.set(full[2], full[1]);
    else if (split > 0) byName.set(setting.slice(0, split), setting.slice(split + 1));
  }
  return { byName, byPeerId };
};

/** Who is let in: the configurations of the present epoch and the one before, joiners, and whom the operator names. */
export interface Acquaintances {
  readonly present: Configuration;
  /** Validators that have left must still hear that they have. */
  readonly before: Configuration | undefined;
  /** Validators that a signed change adds: they catch up before they are let in. */
  readonly joiners: readonly Validator[];
  /** Setting `network.peers`. */
  readonly settings: readonly string[];
}

/** Contacts of the peer network; what the operator's settings say of an address goes before the configuration's. */
export const contactsOf = ({ present, before, joiners, settings }: Acquaintances): PeerContact[] => {
  const { byName, byPeerId } = knownPeers(settings);
  const contacts = new Map<string, PeerContact>();
  const members = [
    ...(before?.validators ?? []),
    ...(before?.observers ?? []),
    ...joiners,
    ...present.observers,
    ...present.validators,
  ];
  for (const { name, peerId, address: agreed } of members) {
    const address = byPeerId.get(peerId) ?? byName.get(name) ?? agreed;
    contacts.set(peerId, { peer: peerId as PeerName, ...(address !== undefined && { address }) });
  }
  for (const [peerId, address] of byPeerId)
    if (!contacts.has(peerId)) contacts.set(peerId, { peer: peerId as PeerName, address });
  return [...contacts.values()];
};
