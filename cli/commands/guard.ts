/** `cloister guard`: moves a validator's key between homes, never without what it has signed. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { exportGuard } from '../../node/guard-export.ts';
import { importGuard } from '../../node/guard-import.ts';
import type { EpochPromises } from '../../node/guard-state.ts';
import { homePaths, readPassphrase } from '../../node/home.ts';
import { cliErrors } from '../errors.ts';
import { askPassphrase, type PassphraseOptions, readTextFile } from '../files.ts';
import { note, type OutputOptions, printResult, table } from '../output.ts';

interface GuardOptions extends OutputOptions, PassphraseOptions {}

const progress = (step: string): void => note(`… ${step}`);

/** Passphrase of the guard file: an option, an environment variable of its own, or a prompt. */
const guardPassphrase = async ({ passphraseFile }: PassphraseOptions, purpose: 'open' | 'create'): Promise<string> => {
  const given =
    passphraseFile === undefined
      ? process.env['CLOISTER_GUARD_PASSPHRASE']
      : (await readTextFile(passphraseFile)).trimEnd();
  const passphrase = given ?? (await askPassphrase(purpose, 'Passphrase of the guard file'));
  if (passphrase === '') throw cliErrors.error('USAGE_NO_PASSPHRASE');
  return passphrase;
};

/** Passphrase of a home's keystore, as the node finds it; else a prompt. */
const homePassphrase = async (home: string, purpose: 'open' | 'create'): Promise<string> => {
  const kept = await stat(homePaths(home).passphrase).catch(() => undefined);
  const named = ['CLOISTER_PASSPHRASE', 'CLOISTER_PASSPHRASE_FILE'].some((name) => process.env[name] !== undefined);
  return named || kept !== undefined ? readPassphrase(home) : askPassphrase(purpose, 'Passphrase of the keystore');
};

const promisesOf = (promises: readonly EpochPromises[]) =>
  promises.map(({ epoch, floor, votes }) => ({ epoch, floorView: floor?.view ?? 0, votes: votes.length }));

const promiseRows = (promises: readonly EpochPromises[]): (readonly [string, string])[] =>
  promisesOf(promises).map(({ epoch, floorView, votes }) => [
    `Epoch ${epoch}`,
    `no vote up to view ${floorView}, ${votes} votes above`,
  ]);

/** Exports a key. */
export const exportKey = async (
  options: GuardOptions & { readonly out: string },
  [home]: readonly [string],
): Promise<void> => {
  const out = resolve(options.out);
  const { guard, promises, repeated } = await exportGuard({
    home,
    passphrase: await homePassphrase(home, 'open'),
    guardPassphrase: await guardPassphrase(options, 'create'),
    out,
    progress,
  });
  printResult(options, { ...guard, out, repeated, promises: promisesOf(promises) }, [
    repeated ? 'Completed the export that was begun before.' : 'Exported. This home signs no more.',
    ...table([
      ['Guard', guard.guard],
      ['Validator key', guard.validatorKey],
      ['Chain', guard.chainId],
      ['Exported at', guard.exportedAt],
      ['File', out],
      ...promiseRows(promises),
    ]),
    `On the other machine: cloister guard import ${options.out} --home HOME. Import it once, then delete it.`,
  ]);
};

/** Imports a key. */
export const importKey = async (
  options: GuardOptions & { readonly home: string },
  [file]: readonly [string],
): Promise<void> => {
  const home = resolve(options.home);
  const text = await readTextFile(file);
  const { promises, ...guard } = await importGuard({
    home,
    file: text,
    guardPassphrase: await guardPassphrase(options, 'open'),
    homePassphrase: (purpose) => homePassphrase(home, purpose),
    progress,
  });
  const configured = (await stat(homePaths(home).config).catch(() => undefined)) !== undefined;
  printResult(options, { ...guard, home, configured, promises: promisesOf(promises) }, [
    'Imported. This home may sign.',
    ...table([
      ['Guard', guard.guard],
      ['Validator key', guard.validatorKey],
      ['Chain', guard.chainId],
      ['Home', home],
      ...promiseRows(promises),
    ]),
    ...(configured ? [] : ['Write node.toml: copy the old one and correct it, or run cloister init install.']),
    `Delete ${file}. Then: cloister start --home ${options.home}`,
  ]);
};
