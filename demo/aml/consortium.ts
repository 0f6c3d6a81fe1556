/**
 * The consortium of the demonstration: a network whose members are the banks, a recorded link between every two
 * validators, and one wallet for each party, at a validator of its own.
 */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { LocalNetwork, type LocalNetworkOptions, type PeerEndpoint } from '../../testnet/local-network.ts';
import { CaptureProxy } from '../../testnet/capture-proxy.ts';
import type { AmlData } from './data.ts';
import { Checks } from './checks.ts';
import { Losses } from './losses.ts';
import { Measurements } from './measurements.ts';
import { Party } from './party.ts';
import type { Progress } from './progress.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Validators of the demonstration: the smallest network that tolerates a liar. */
export const VALIDATORS = 4;

/** Name of the period that the data is about. */
export const PERIOD = 'period-1';

/** Everything that the phases of the demonstration share. */
export interface Consortium extends AsyncDisposable {
  readonly data: AmlData;
  readonly network: LocalNetwork;
  readonly links: ReadonlyMap<string, CaptureProxy>;
  readonly banks: readonly Party[];
  readonly fiu: Party;
  readonly regulator: Party;
  /** Somebody with an account and no role. */
  readonly outsider: Party;
  readonly parties: readonly Party[];
  readonly measurements: Measurements;
  readonly checks: Checks;
  readonly progress: Progress;
  /** Validators that somebody killed meanwhile. */
  readonly losses: Losses;
  /** Folder of temporary files of every process. */
  readonly temporaryDirectory: string;
}

/** Starts the network and lets every party join. Disposing stops everything that was started. */
export async function foundConsortium(
  data: AmlData,
  directory: string,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<Consortium> {
  await using resources = new AsyncDisposableStack();
  const measurements = new Measurements();
  const banks = data.banks.map(({ name }) => new Party(`bank ${name}`, measurements));
  const [fiu, regulator, outsider] = ['FIU', 'regulator', 'outsider'].map((name) => new Party(name, measurements)) as [
    Party,
    Party,
    Party,
  ];
  const parties = [...banks, fiu, regulator, outsider];
  const temporaryDirectory = path.join(directory, 'temporary');
  await mkdir(temporaryDirectory, { recursive: true });
  resources.use(temporaryFilesIn(temporaryDirectory));
  const links = new Map<string, CaptureProxy>();
  resources.defer(async () => {
    await Promise.all([...links.values()].map((link) => link[Symbol.asyncDispose]()));
  });
  const losses = new Losses(progress);
  const network = resources.use(
    await startNetwork(data, banks, progress, {
      directory: path.join(directory, 'network'),
      addressOf: (to, from) => recordedLink(links, to, from),
      onLost: losses.listener,
      signal,
    }),
  );
  const joining = progress.phase('Verifying the network, opening sessions', parties.length);
  await unlessAborted(signal, () =>
    Promise.all(
      parties.map(async (party, index) => {
        await party.join(rotated(network.apis, index), network.chainId);
        joining.step();
      }),
    ),
  );
  joining.end();
  const owned = resources.move();
  return {
    data,
    network,
    links,
    banks,
    fiu,
    regulator,
    outsider,
    parties,
    measurements,
    progress,
    losses,
    temporaryDirectory,
    checks: new Checks(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function startNetwork(
  data: AmlData,
  banks: readonly Party[],
  progress: Progress,
  options: LocalNetworkOptions,
): Promise<LocalNetwork> {
  const starting = progress.phase(`Starting ${VALIDATORS} validators and their enclaves`, STARTING_STEPS);
  try {
    return await LocalNetwork.start({
      ...options,
      network: 'aml-demo',
      validators: VALIDATORS,
      members: banks.map(({ account }, index) => ({ name: `bank-${data.banks[index]?.name}`, key: account.publicKey })),
      threshold: data.release.approvals_needed,
      // The leak check searches logs at their most verbose.
      logLevel: 'trace',
      revives: true,
      progress: () => starting.step(),
    });
  } finally {
    starting.end();
  }
}

/** Steps that a network names while it starts. */
const STARTING_STEPS = 4;

async function recordedLink(links: Map<string, CaptureProxy>, to: PeerEndpoint, from: PeerEndpoint): Promise<string> {
  const name = `${from.name} to ${to.name}`;
  const { host, port } = endpointOf(to.address);
  const link = links.get(name) ?? (await CaptureProxy.start({ host, port }));
  links.set(name, link);
  return `/ip4/127.0.0.1/tcp/${link.port}`;
}

function endpointOf(multiaddress: string): { readonly host: string; readonly port: number } {
  const [, , host = '', , port = ''] = multiaddress.split('/');
  return { host, port: Number(port) };
}

const rotated = (urls: readonly string[], by: number): readonly string[] =>
  urls.map((_url, index) => urls[(index + by) % urls.length] ?? '');

/** Sends temporary files of this process and of those it starts to a folder, until disposed. */
function temporaryFilesIn(directory: string): Disposable {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = directory;
  return {
    [Symbol.dispose]: () => {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    },
  };
}
