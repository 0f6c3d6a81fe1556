/**
 * How a network is founded: each operator makes a home and publishes its descriptor; whoever assembles the genesis
 * needs descriptors and members only, and every operator installs the same file.
 */
import { stringify as stringifyToml } from 'smol-toml';
import { randomBytes } from '#primitives';
import { EnclaveClient } from '../enclave/host/enclave-client.ts';
import { namespacesAvailable } from '../enclave/host/launch.ts';
import type { Hash, Measurement, PublicKey } from '../protocol/brand.ts';
import {
  checkGenesis,
  chainIdOf,
  defaultParameters,
  faultBound,
  type Genesis,
  type Member,
  type Parameters,
} from '../protocol/genesis.ts';
import type { ChainId } from '../protocol/brand.ts';
import { toHex } from '../protocol/hex.ts';
import type { SettingName } from './config.ts';
import { homePaths, writeFileDurably, writeKeystore } from './home.ts';
import { FRESH_CUSTODY } from './custody.ts';
import { createSecrets, validatorKeyOf } from './keystore.ts';
import { peerIdFromSecret } from './network/identity.ts';
import { createProcessor, type SimulatedRoot, writeProcessor } from './simulated-processor.ts';

/** What a validator publishes about itself before the genesis. */
export interface ValidatorDescriptor {
  readonly name: string;
  readonly validatorKey: PublicKey;
  readonly peerId: string;
  readonly enclaveKey: PublicKey;
  readonly enclaveKem: string;
  readonly evidence: string;
  readonly contribution: Hash;
  readonly measurement: Measurement;
  /** Multiaddress at which peers reach it. */
  readonly address: string;
}

/** What a new home is made of. */
export interface NewHome {
  readonly home: string;
  readonly name: string;
  readonly address: string;
  readonly bundlePath: string;
  readonly root: SimulatedRoot;
  /** Passphrase of the keystore; undefined draws one and keeps it beside the keys (test networks only). */
  readonly passphrase?: string | undefined;
}

const CEREMONY_HEAP_MIB = 256;

/** Creates keys, simulated processor and enclave identity of a validator, and returns its descriptor. */
export const createHome = async ({
  home,
  name,
  address,
  bundlePath,
  root,
  passphrase,
}: NewHome): Promise<ValidatorDescriptor> => {
  const paths = homePaths(home);
  const secrets = createSecrets();
  const chosen = passphrase ?? toHex(randomBytes(16));
  const processor = createProcessor(root);
  const client = await EnclaveClient.start({
    bundlePath,
    maxHeapMiB: CEREMONY_HEAP_MIB,
    maxInFlight: 1,
    namespaces: await namespacesAvailable(),
  });
  try {
    const identity = await client.call('hello', {
      processorSecret: processor.secret,
      processorCertificate: processor.certificate,
      sealedIdentity: undefined,
    });
    await writeKeystore(home, { secrets, custody: FRESH_CUSTODY }, chosen);
    if (passphrase === undefined) await writeFileDurably(paths.passphrase, `${chosen}\n`);
    await writeProcessor(paths.processor, processor);
    await writeFileDurably(paths.sealedIdentity, identity.sealedIdentity);
    const descriptor: ValidatorDescriptor = {
      name,
      validatorKey: validatorKeyOf(secrets),
      peerId: await peerIdFromSecret(secrets.network),
      enclaveKey: identity.enclaveKey,
      enclaveKem: toHex(identity.enclaveKem),
      evidence: toHex(identity.evidence),
      contribution: identity.contribution,
      measurement: identity.measurement,
      address,
    };
    await writeFileDurably(paths.descriptor, `${JSON.stringify(descriptor, null, 2)}\n`);
    return descriptor;
  } finally {
    await client.dispose();
  }
};

/** What an observer publishes about itself, to be let in. */
export interface ObserverDescriptor {
  readonly name: string;
  readonly peerId: string;
  readonly address: string;
}

/** Creates the home of an observer: keys of its machine and its replica, and no enclave. */
export const createObserverHome = async (
  home: string,
  { name, address }: Pick<ObserverDescriptor, 'name' | 'address'>,
  passphrase: string | undefined,
): Promise<ObserverDescriptor> => {
  const paths = homePaths(home);
  const secrets = createSecrets();
  const chosen = passphrase ?? toHex(randomBytes(16));
  await writeKeystore(home, { secrets, custody: FRESH_CUSTODY }, chosen);
  if (passphrase === undefined) await writeFileDurably(paths.passphrase, `${chosen}\n`);
  const descriptor = { name, peerId: await peerIdFromSecret(secrets.network), address };
  await writeFileDurably(paths.observerDescriptor, `${JSON.stringify(descriptor, null, 2)}\n`);
  return descriptor;
};

/** What a genesis is assembled from. */
export interface GenesisInputs {
  readonly network: string;
  readonly timeMs: number;
  readonly simRoot: PublicKey;
  readonly descriptors: readonly ValidatorDescriptor[];
  readonly members: readonly Member[];
  readonly threshold: number;
  readonly parameters?: Partial<Parameters>;
}

/** Assembles and checks the genesis of a test network. Throws GENESIS_INVALID. */
export const assembleGenesis = ({
  network,
  timeMs,
  simRoot,
  descriptors,
  members,
  threshold,
  parameters,
}: GenesisInputs): Genesis => {
  const contributors = faultBound(descriptors.length) + 1;
  const [first] = descriptors;
  return checkGenesis({
    version: 1,
    network,
    timeMs,
    policyClass: 'testnet',
    platform: 'sim',
    measurement: (first?.measurement ?? '') as Measurement,
    simRoot,
    parameters: { ...defaultParameters, ...parameters },
    members: [...members],
    threshold,
    validators: descriptors.map(
      ({ name, validatorKey, peerId, enclaveKey, enclaveKem, evidence, contribution, address }, index) => ({
        name,
        validatorKey,
        peerId,
        enclaveKey,
        enclaveKem,
        evidence,
        contribution: index < contributors ? contribution : undefined,
        address,
      }),
    ),
  });
};

/** Installs the genesis and this machine's settings into a home. */
export const installGenesis = async (
  home: string,
  genesis: Genesis,
  settings: Readonly<Partial<Record<SettingName, string | number | readonly string[]>>>,
): Promise<ChainId> => {
  const paths = homePaths(home);
  await writeFileDurably(paths.genesis, `${JSON.stringify(genesis, null, 2)}\n`);
  const tables: Record<string, Record<string, unknown>> = {};
  for (const [dotted, value] of Object.entries(settings)) {
    const [table = '', key = ''] = dotted.split('.');
    tables[table] = { ...tables[table], [key]: value };
  }
  await writeFileDurably(paths.config, stringifyToml(tables));
  return chainIdOf(genesis);
};
