/**
 * The node process: `main.ts --home DIR [--setting value …] [--lifeline]`.
 *
 * Prints one JSON line on stdout when it is ready and one when it ends; everything else goes to the log. With
 * `--lifeline` it stops when its standard input ends, so that a killed parent leaves no process behind.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { CloisterError } from '../protocol/errors.ts';
import { nodeErrors } from './errors.ts';
import { homePaths, readConfig, readGenesis, readKeystore, readPassphrase, writeKeystore } from './home.ts';
import type { NodeKeystore } from './keystore.ts';
import { createRootLogger } from './root-logger.ts';
import { startNode } from './node.ts';
import type { RunningNode } from './running-node.ts';
import { settings } from './config.ts';
import type { SyncProgress } from './sync-progress.ts';

const REQUIRED_NODE_MAJOR = 26;
/** What the system says of a disk that takes nothing. */
const DISK_REFUSALS = ['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'];

const print = (event: string, fields: object): void => {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
};

const readArguments = (): {
  readonly home: string;
  readonly lifeline: boolean;
  readonly flags: Record<string, string>;
} => {
  const options = Object.fromEntries(Object.keys(settings).map((name) => [name, { type: 'string' as const }]));
  // Unknown names pass here and are refused, with the nearest name, where the configuration is resolved.
  const { values } = parseArgs({
    options: { ...options, home: { type: 'string' }, lifeline: { type: 'boolean' } },
    strict: false,
  });
  const { home, lifeline, ...flags } = values as Record<string, string | boolean | undefined>;
  if (typeof home !== 'string') throw nodeErrors.error('CONFIG_FILE_UNREADABLE', { path: '--home is missing' });
  return { home, lifeline: lifeline === true, flags: flags as Record<string, string> };
};

/** Resolves when the process was asked to stop, or when the node cannot go on. */
const ending = (lifeline: boolean) => {
  const { promise, resolve } = Promise.withResolvers<{ readonly error?: unknown }>();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve({}));
  if (lifeline) {
    process.stdin.on('end', () => resolve({}));
    process.stdin.on('error', () => resolve({}));
    process.stdin.resume();
  }
  return { promise, fail: (error: unknown): void => resolve({ error }) };
};

const run = async (): Promise<number> => {
  const { home, lifeline, flags } = readArguments();
  const config = await readConfig(home, flags);
  const genesis = await readGenesis(homePaths(home).genesis);
  const passphrase = await readPassphrase(home);
  const keystore = await readKeystore(home, passphrase);
  const keepKeystore = (kept: NodeKeystore): Promise<void> => writeKeystore(home, kept, passphrase);
  const file = config['log.file'];
  await using root = createRootLogger(
    { level: config['log.level'] },
    file === '' ? { kind: 'stderr' } : { kind: 'file', path: file },
  );
  const { logger } = root;
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const end = ending(lifeline);
  process.on('unhandledRejection', (error) => end.fail(error));
  process.on('uncaughtException', (error) => end.fail(error));
  let node: RunningNode;
  try {
    const onProgress = (progress: SyncProgress): void => print('progress', progress);
    const hooks = { keepKeystore, onFatal: end.fail, onProgress };
    node = await startNode({ home, version, genesis, config, keystore, logger, ...hooks });
  } catch (error) {
    logger.fatal({ err: error }, 'node did not start');
    throw error;
  }
  const name = node.name ?? '';
  const timer = setInterval(() => announce(), 50);
  const announce = (): void => {
    const enclave = node.enclavePid();
    if (enclave === undefined && config['node.profile'] === 'validator') return;
    clearInterval(timer);
    print('ready', {
      name,
      chainId: node.chainId,
      ...node.addresses,
      pids: { node: process.pid, enclave },
    });
    logger.info({ name, profile: config['node.profile'], platform: genesis.platform }, 'node started');
  };
  const { error } = await end.promise;
  clearInterval(timer);
  await node[Symbol.asyncDispose]();
  if (error !== undefined) {
    logger.fatal({ err: error }, 'node stopped');
    throw error;
  }
  logger.info('node stopped');
  print('stopped', {});
  return exitCodes.ok;
};

/** An error of the disk that no room gave a code; anything else as it is. */
const withDiskCode = (error: unknown): unknown =>
  error instanceof Error && 'code' in error && DISK_REFUSALS.includes(String(error.code))
    ? nodeErrors.error('DISK_WRITE_FAILED', { reason: String(error.code) }, error)
    : error;

const major = Number(process.versions.node.split('.')[0]);
try {
  if (major < REQUIRED_NODE_MAJOR) throw nodeErrors.error('NODE_TOO_OLD', { found: process.versions.node });
  process.exitCode = await run();
} catch (thrown) {
  const error = withDiskCode(thrown);
  const known = error instanceof CloisterError;
  print(
    'failed',
    known
      ? { code: error.code, message: error.message, hint: error.hint, data: error.data }
      : { code: 'INTERNAL', message: 'The node failed.', hint: 'Read the log.' },
  );
  process.exitCode = exitCodeOf(error);
}
// Neither the lifeline nor whatever a library may still hold open must keep a stopped node alive.
process.stdin.destroy();
setTimeout(() => process.exit(), 3_000).unref();
