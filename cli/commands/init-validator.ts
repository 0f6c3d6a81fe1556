/** `cloister init validator`: the ceremony of one operator. */
import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createHome } from '../../node/ceremony.ts';
import { homePaths } from '../../node/home.ts';
import { readOrCreateSimulatedRoot } from '../../node/simulated-processor.ts';
import { buildBundle, BUILT_BUNDLE } from '../../testnet/founding.ts';
import { cliErrors } from '../errors.ts';
import { type PassphraseOptions, readPassphrase } from '../files.ts';
import { type OutputOptions, printResult, table } from '../output.ts';

interface InitValidatorOptions extends OutputOptions, PassphraseOptions {
  readonly home: string;
  readonly name: string;
  readonly address: string;
  readonly simRoot: string;
}

/** Runs the command. */
export const run = async (options: InitValidatorOptions): Promise<void> => {
  const home = resolve(options.home);
  await mkdir(home, { recursive: true, mode: 0o700 });
  if ((await readdir(home)).length > 0) throw cliErrors.error('USAGE_FILE_EXISTS', { path: home });
  const passphrase = await readPassphrase(options, 'create');
  const root = await readOrCreateSimulatedRoot(options.simRoot);
  await buildBundle();
  const { name, address } = options;
  const descriptor = await createHome({ home, name, address, bundlePath: BUILT_BUNDLE, root, passphrase });
  const path = homePaths(home).descriptor;
  printResult(options, { home, descriptor: path, simRootKey: root.publicKey, measurement: descriptor.measurement }, [
    ...table([
      ['Home', home],
      ['Descriptor', path],
      ['Simulated root key', root.publicKey],
      ['Measurement', descriptor.measurement],
    ]),
    'Send the descriptor to whoever assembles the genesis; it holds nothing secret.',
  ]);
};
