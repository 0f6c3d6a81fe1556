/** `cloister start`: runs the node of a home in a process of its own, with a lifeline, and tells a person about it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CloisterError, type ErrorData } from '../../protocol/errors.ts';
import { platformNotice } from '../../protocol/receipt.ts';
import { homePaths, readGenesis } from '../../node/home.ts';
import { settings } from '../../node/config.ts';
import { nearestName } from '../../node/nearest-name.ts';
import type { SyncProgress } from '../../node/sync-progress.ts';
import { exitCodes } from '../../node/exit-codes.ts';
import { interruption } from '../../testnet/interruption.ts';
import { followLifeline } from '../../testnet/lifeline.ts';
import { usageError } from '../errors.ts';
import { logLevelOf } from '../log-level.ts';
import { note, type OutputOptions, printFailure } from '../output.ts';

interface StartOptions extends OutputOptions {
  readonly home: string;
  readonly set?: readonly string[] | undefined;
  readonly logLevel?: string | undefined;
  readonly profile?: string | undefined;
}

interface NodeEvent extends Partial<SyncProgress> {
  readonly event: string;
  readonly name?: string;
  readonly api?: string;
  readonly operations?: string;
  readonly p2p?: string;
  readonly pids?: { readonly node: number; readonly enclave?: number };
  readonly chainId?: string;
  readonly code?: string;
  readonly message?: string;
  readonly hint?: string;
  readonly data?: ErrorData;
}

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url));

const flagsOf = ({ set = [], logLevel, profile }: StartOptions): string[] => {
  const names = Object.keys(settings);
  const flags = set.flatMap((assignment) => {
    const at = assignment.indexOf('=');
    const name = assignment.slice(0, at);
    if (at < 1)
      throw usageError(`'${assignment}' is not of the form name=value.`, 'Write for example --set api.port=8080.');
    if (!names.includes(name))
      throw usageError(
        `There is no setting '${name}'.`,
        `Did you mean ${nearestName(name, names)}? docs/configuration.md lists them all.`,
      );
    return [`--${name}`, assignment.slice(at + 1)];
  });
  const level = logLevelOf(logLevel);
  if (level !== undefined) flags.push('--log.level', level);
  if (profile !== undefined) flags.push('--node.profile', profile);
  return flags;
};

const processes = ({ pids }: NodeEvent): string =>
  pids?.enclave === undefined
    ? `Node process ${pids?.node}, no enclave`
    : `Node process ${pids.node}, enclave process ${pids.enclave}`;

const spanOf = (seconds: number): string => (seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`);

const progressLine = ({ height = 0, target = 0, perSecond = 0, secondsLeft }: NodeEvent): string => {
  const left = secondsLeft === undefined ? '' : `, about ${spanOf(secondsLeft)} left`;
  return `Catching up: block ${height} of ${target} (${perSecond} a second${left})`;
};

const failureOf = ({ code = '', message = '', hint = '', data }: NodeEvent): CloisterError =>
  new CloisterError(code, { message, hint, retryable: false }, data);

const tell = (event: NodeEvent, platform: string): void => {
  switch (event.event) {
    case 'ready':
      process.stdout.write(
        `${event.name === '' ? 'The node' : event.name} is up: api ${event.api}, operations ${event.operations}, peers ${event.p2p}\n`,
      );
      process.stdout.write(`${processes(event)}, chain ${event.chainId}\n${platformNotice(platform)}\n`);
      note('Press Ctrl-C to stop.');
      break;
    case 'progress':
      note(progressLine(event));
      break;
    case 'failed':
      printFailure({}, failureOf(event));
      break;
    default:
      note('Stopped.');
  }
};

/** Runs the command; its exit code is the node's. */
export const run = async (options: StartOptions): Promise<number> => {
  followLifeline();
  const { platform } = await readGenesis(homePaths(options.home).genesis);
  const child = spawn(process.execPath, [MAIN, '--home', options.home, ...flagsOf(options), '--lifeline'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  child.stdin.on('error', () => undefined);
  interruption().addEventListener('abort', () => child.stdin.end());
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (options.json === true) process.stdout.write(`${line}\n`);
    else tell(JSON.parse(line) as NodeEvent, platform);
  });
  return new Promise((resolve) => {
    child.once('error', () => resolve(exitCodes.failure));
    child.once('close', (code) => resolve(code ?? exitCodes.failure));
  });
};
