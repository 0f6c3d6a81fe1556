/**
 * `guard export`: moves a validator's key out of its home, together with all that the key has promised.
 *
 * Order of effects, each durable before the next: the place of the file is tried, the log says that the key is gone, the
 * keystore says so, the file appears. A crash in between leaves a key that signs nowhere; the same command again ends
 * what was begun, with the same guard id. The key is never live here once the file can be read.
 */
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { randomBytes } from '#primitives';
import { chainIdOf, type Genesis } from '../protocol/genesis.ts';
import { toHex } from '../protocol/hex.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { custodyFault, custodyRecord, generationOf, GUARD_ID_BYTES, type LogCustody } from './custody.ts';
import { nodeErrors } from './errors.ts';
import { type Guard, type GuardContent, readGuardHeader, sealGuard } from './guard-file.ts';
import { type EpochPromises, promisesOf } from './guard-state.ts';
import { homePaths, readGenesis, readKeystore, readOptional, writeFileDurably, writeKeystore } from './home.ts';
import { type NodeKeystore, validatorKeyOf } from './keystore.ts';
import { openSigningState, type SigningState } from './storage.ts';

/** What is exported, and to where. */
export interface GuardExport {
  readonly home: string;
  /** Passphrase of the home's keystore. */
  readonly passphrase: string;
  /** Passphrase that the file is sealed under. */
  readonly guardPassphrase: string;
  readonly out: string;
  /** Called before each effect. */
  readonly progress?: ((step: string) => void) | undefined;
}

/** What was exported. */
export interface ExportedGuard {
  readonly guard: Omit<Guard, 'content'>;
  readonly promises: readonly EpochPromises[];
  /** Whether an export that was begun before was completed or repeated. */
  readonly repeated: boolean;
}

const textOf = async (path: string): Promise<string | undefined> => {
  const found = await readOptional(path);
  return found === undefined ? undefined : Buffer.from(found).toString('utf8');
};

const required = async (path: string): Promise<Uint8Array> => {
  const found = await readOptional(path);
  if (found === undefined) throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path });
  return found;
};

const contentOf = async (
  home: string,
  genesis: Genesis,
  { secrets }: NodeKeystore,
  promises: readonly EpochPromises[],
  run: number,
): Promise<GuardContent> => {
  const paths = homePaths(home);
  const { validator, network } = secrets;
  return {
    validator,
    network,
    promises,
    run,
    genesis: (await textOf(paths.genesis)) ?? '',
    descriptor: await textOf(paths.descriptor),
    enclave:
      genesis.platform === 'sim'
        ? {
            processor: await required(paths.processor),
            identity: await required(paths.sealedIdentity),
            epoch: await readOptional(paths.sealedEpoch),
          }
        : undefined,
  };
};

/** The export that this home has begun, if any. Throws why the key must not be exported. */
const begunExport = (keystore: NodeKeystore, { custody: logged }: SigningState): LogCustody | undefined => {
  const { custody: held } = keystore;
  const fault = custodyFault(held, logged);
  if (fault !== undefined && !isCloisterError(fault, 'KEY_EXPORTED')) throw fault;
  const begun = logged?.state === 'exported' ? logged : undefined;
  if (held.state === 'exported' && begun?.guard !== held.guard)
    throw nodeErrors.error('UNSAFE_TO_SIGN', { reason: 'the log of votes is older than the keystore' });
  return begun;
};

/** Refuses a place that holds anything but an earlier copy of this guard, and one that cannot be written to. */
const reserve = async (out: string, guard: string): Promise<void> => {
  const present = await textOf(out);
  if (present !== undefined) {
    let same = false;
    try {
      same = readGuardHeader(present).guard === guard;
    } catch {
      // Whatever it is, it is not ours.
    }
    if (!same) throw nodeErrors.error('GUARD_FILE_EXISTS', { path: out });
  }
  try {
    await mkdir(dirname(out), { recursive: true, mode: 0o700 });
    await (await open(`${out}.new`, 'w', 0o600)).close();
    await rm(`${out}.new`);
  } catch (cause) {
    throw nodeErrors.error('GUARD_NOT_WRITTEN', { path: out }, cause);
  }
};

/**
 * Exports the key of a stopped validator. Throws KEY_IN_USE while it runs, KEY_USED_TWICE, UNSAFE_TO_SIGN,
 * GUARD_UNFINISHED, GUARD_FILE_EXISTS, GUARD_NOT_WRITTEN, and codes of the home's files.
 */
export const exportGuard = async (options: GuardExport): Promise<ExportedGuard> => {
  const { home, passphrase, guardPassphrase, out, progress = () => undefined } = options;
  const genesis = await readGenesis(homePaths(home).genesis);
  const chainId = chainIdOf(genesis);
  const keystore = await readKeystore(home, passphrase);
  await using state = await openSigningState({ home, chainId, ...keystore });
  const begun = begunExport(keystore, state);
  const promises = promisesOf(state.records);
  const content = await contentOf(home, genesis, keystore, promises, state.runs.last);
  const custody: LogCustody = begun ?? {
    state: 'exported',
    validatorKey: validatorKeyOf(keystore.secrets),
    generation: generationOf(keystore.custody, state.custody) + 1,
    guard: toHex(randomBytes(GUARD_ID_BYTES)),
    timeMs: Date.now(),
    vote: undefined,
  };
  const { validatorKey, generation, guard = '', timeMs } = custody;
  progress('trying the place of the guard file');
  await reserve(out, guard);
  if (begun === undefined) {
    progress('disabling the key in the log of votes');
    state.wal.append(custodyRecord(custody));
    await state.wal.sync();
  }
  if (keystore.custody.state !== 'exported') {
    progress('disabling the key in the keystore');
    await writeKeystore(home, { ...keystore, custody: { state: 'exported', generation, guard, timeMs } }, passphrase);
  }
  const header = { guard, chainId, validatorKey, generation, exportedAt: new Date(timeMs).toISOString() };
  progress('writing the guard file');
  const text = sealGuard({ ...header, content }, guardPassphrase);
  await writeFileDurably(out, text).catch((cause: unknown) => {
    throw nodeErrors.error('GUARD_NOT_WRITTEN', { path: out }, cause);
  });
  return { guard: header, promises, repeated: begun !== undefined };
};
