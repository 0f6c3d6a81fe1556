/**
 * `guard import`: a validator's key comes into a home, together with all that it has promised elsewhere.
 *
 * Order of effects, each durable before the next: public files and the simulated enclave's; the keystore, which says
 * `importing`, so that the key signs nothing; the promises in the log of votes; the keystore, which says `used`. A crash
 * in between leaves a key that signs nowhere; the same command again ends what was begun. One home takes one guard once,
 * and none that is older than what it knows; other homes cannot be asked.
 */
import { readdir } from 'node:fs/promises';
import { randomBytes } from '#primitives';
import { chainIdOf, genesisFromJson } from '../protocol/genesis.ts';
import type { CloisterError } from '../protocol/errors.ts';
import { custodyRecord, FRESH_CUSTODY, generationOf, type KeyCustody, type LogCustody } from './custody.ts';
import { nodeErrors } from './errors.ts';
import { type Guard, openGuard } from './guard-file.ts';
import { firstUncovered, promisesOf, recordsOf } from './guard-state.ts';
import { KeyLock } from '../ledger/key-lock.ts';
import { homePaths, readGenesis, readKeystore, readOptional, writeFileDurably, writeKeystore } from './home.ts';
import { type NodeKeystore, publicKeyOf, validatorKeyOf, validatorSecretsOf } from './keystore.ts';
import { openSigningState, type SigningState } from './storage.ts';

/** What is imported, and where. */
export interface GuardImport {
  readonly home: string;
  /** Text of the guard file. */
  readonly file: string;
  readonly guardPassphrase: string;
  /** Passphrase of the home's keystore; a new one where the home has none yet. */
  readonly homePassphrase: (purpose: 'open' | 'create') => Promise<string>;
  /** Called before each effect. */
  readonly progress?: ((step: string) => void) | undefined;
}

/** What was imported. */
export type ImportedGuard = Omit<Guard, 'content'> & Pick<Guard['content'], 'promises'>;

const isEmpty = async (directory: string): Promise<boolean> =>
  (await readdir(directory).catch(() => [])).every((entry) => entry === 'lock');

/** Checks that key, genesis and clear fields of a guard belong together: they were sealed by whoever had the passphrase. */
const checkGuard = ({ content, validatorKey, chainId }: Guard): void => {
  let ofGenesis: string;
  try {
    ofGenesis = chainIdOf(genesisFromJson(JSON.parse(content.genesis)));
  } catch {
    throw nodeErrors.error('GUARD_DAMAGED', { reason: 'its genesis cannot be read' });
  }
  if (ofGenesis !== chainId || publicKeyOf(content.validator) !== validatorKey)
    throw nodeErrors.error('GUARD_DAMAGED', { reason: 'its parts do not belong together' });
};

const checkHome = async (home: string, { chainId, validatorKey }: Guard): Promise<void> => {
  const paths = homePaths(home);
  if ((await readOptional(paths.genesis)) !== undefined) {
    const found = chainIdOf(await readGenesis(paths.genesis));
    if (found !== chainId) throw nodeErrors.error('GUARD_WRONG_CHAIN', { expected: found, found: chainId });
  }
  const hasKeystore = (await readOptional(paths.keystore)) !== undefined;
  if (!hasKeystore && !((await isEmpty(paths.votes)) && (await isEmpty(paths.ledger))))
    throw nodeErrors.error('GUARD_OTHER_VALIDATOR', { validatorKey, reason: 'the home has a history but no keystore' });
};

/** Why a home that holds the key already must not take this guard; undefined when it may. */
const importFault = (guard: Guard, held: KeyCustody, logged: LogCustody | undefined): CloisterError | undefined => {
  const facts = { guard: guard.guard, generation: guard.generation };
  if (held.state === 'importing')
    return held.guard === guard.guard ? undefined : nodeErrors.error('GUARD_UNFINISHED', { guard: held.guard ?? '' });
  const reached = generationOf(held, logged);
  if (guard.generation > reached) return undefined;
  const newest =
    logged !== undefined && logged.generation >= held.generation && logged.guard !== undefined ? logged : held;
  if (guard.generation < reached || newest.guard !== guard.guard)
    return nodeErrors.error('GUARD_OLDER', { ...facts, homeGeneration: reached });
  // The move is taken back: the key returns to the home that it was exported from.
  return newest.state === 'exported' ? undefined : nodeErrors.error('GUARD_CONSUMED', facts);
};

const checkState = (guard: Guard, keystore: NodeKeystore, state: SigningState): void => {
  const fault = importFault(guard, keystore.custody, state.custody);
  if (fault !== undefined) throw fault;
  const missing = firstUncovered(promisesOf(state.records), guard.content.promises);
  if (missing === undefined) return;
  const { kind, epoch, view } = missing;
  throw nodeErrors.error('GUARD_OLDER', { guard: guard.guard, vote: kind, epoch, view });
};

/** Public files, and the simulated enclave's; what the home has already stays. */
const writeFiles = async (home: string, { genesis, descriptor, enclave }: Guard['content']): Promise<void> => {
  const paths = homePaths(home);
  const files: readonly (readonly [path: string, content: string | Uint8Array | undefined])[] = [
    [paths.genesis, genesis],
    [paths.descriptor, descriptor],
    [paths.processor, enclave?.processor],
    [paths.sealedIdentity, enclave?.identity],
    [paths.sealedEpoch, enclave?.epoch],
  ];
  for (const [path, content] of files)
    if (content !== undefined && (await readOptional(path)) === undefined) await writeFileDurably(path, content);
};

/**
 * Imports a guard into a home: an empty one, or one that had this key before. Throws GUARD_DAMAGED, GUARD_UNSUPPORTED,
 * GUARD_LOCKED, GUARD_WRONG_CHAIN, GUARD_OTHER_VALIDATOR, GUARD_CONSUMED, GUARD_OLDER, GUARD_UNFINISHED, KEY_IN_USE.
 */
export const importGuard = async (options: GuardImport): Promise<ImportedGuard> => {
  const { home, file, guardPassphrase, homePassphrase, progress = () => undefined } = options;
  const guard = openGuard(file, guardPassphrase);
  checkGuard(guard);
  await checkHome(home, guard);
  const { content, chainId, validatorKey, generation } = guard;
  const isNew = (await readOptional(homePaths(home).keystore)) === undefined;
  const passphrase = await homePassphrase(isNew ? 'create' : 'open');
  const { validator, network, next, promises } = content;
  const keystore: NodeKeystore = isNew
    ? { secrets: { validator, network, replica: randomBytes(32), next }, custody: FRESH_CUSTODY }
    : await readKeystore(home, passphrase);
  if (validatorKeyOf(keystore.secrets) !== validatorKey)
    throw nodeErrors.error('GUARD_OTHER_VALIDATOR', {
      validatorKey,
      reason: `the home is that of ${validatorKeyOf(keystore.secrets)}`,
    });
  await using stack = new AsyncDisposableStack();
  const lock = await KeyLock.acquire(homePaths(home).votes, ...validatorSecretsOf(content));
  stack.defer(() => lock.release());
  const open = async (): Promise<SigningState> =>
    stack.use(await openSigningState({ home, chainId, ...keystore, lock }));
  // A new home's log is sealed under a key of its keystore, which must therefore be there first.
  const before = isNew ? undefined : await open();
  if (before !== undefined) checkState(guard, keystore, before);
  progress('writing genesis and enclave files');
  await writeFiles(home, content);
  const secrets = { ...keystore.secrets, next };
  const moved = { generation, guard: guard.guard, timeMs: Date.now() };
  progress('writing the keystore, not yet in use');
  await writeKeystore(home, { secrets, custody: { state: 'importing', ...moved } }, passphrase);
  progress('writing what the key has promised');
  const { wal, runs } = before ?? (await open());
  runs.advance(content.run);
  wal.append(custodyRecord({ state: 'imported', validatorKey, ...moved, vote: undefined }), ...recordsOf(promises));
  await wal.sync();
  progress('putting the key into use');
  await writeKeystore(home, { secrets, custody: { state: 'used', ...moved } }, passphrase);
  return { guard: guard.guard, chainId, validatorKey, generation, exportedAt: guard.exportedAt, promises };
};
