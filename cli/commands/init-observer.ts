/** `cloister init observer`: the home of a node that follows the chain without a vote. */
import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createObserverHome } from '../../node/ceremony.ts';
import { homePaths } from '../../node/home.ts';
import { cliErrors } from '../errors.ts';
import { type PassphraseOptions, readPassphrase } from '../files.ts';
import { type OutputOptions, printResult, table } from '../output.ts';

interface InitObserverOptions extends OutputOptions, PassphraseOptions {
  readonly home: string;
  readonly name: string;
  readonly address: string;
}

/** Runs the command. */
export const run = async (options: InitObserverOptions): Promise<void> => {
  const home = resolve(options.home);
  await mkdir(home, { recursive: true, mode: 0o700 });
  if ((await readdir(home)).length > 0) throw cliErrors.error('USAGE_FILE_EXISTS', { path: home });
  const passphrase = await readPassphrase(options, 'create');
  const { name, address } = options;
  const { peerId } = await createObserverHome(home, { name, address }, passphrase);
  const path = homePaths(home).observerDescriptor;
  printResult(options, { home, descriptor: path, peerId }, [
    ...table([
      ['Home', home],
      ['Descriptor', path],
      ['Peer', peerId],
    ]),
    'Send the descriptor to a member, who lets it in: cloister observers add observer.json',
  ]);
};
