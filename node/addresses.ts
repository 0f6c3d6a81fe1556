/** From the configuration's texts to what the peer network is started with. */
import type { ValidatorIndex } from '../protocol/brand.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { nodeErrors } from './errors.ts';
import type { ValidatorContact } from './network/types.ts';

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

/** Every validator of the genesis, with its address where a `name@multiaddress` peer is known. */
export const contactsOf = (genesis: Genesis, peers: readonly string[]): ValidatorContact[] => {
  const addresses = new Map(
    peers.map((peer): [string, string] => [peer.slice(0, peer.indexOf('@')), peer.slice(peer.indexOf('@') + 1)]),
  );
  return genesis.validators.map(({ name, peerId }, index) => {
    const address = addresses.get(name);
    return { index: index as ValidatorIndex, peerId, ...(address !== undefined && { address }) };
  });
};
