/**
 * How an enclave process is started: the jail of the simulated platform.
 *
 * Walls, outermost first: no core dumps; user, network and process namespaces where the system allows them; an empty
 * environment; the permission model of Node 26 with nothing granted but reading the bundle itself; no sqlite, ffi,
 * web storage, addons, inspector signal or code generation from strings. `test/unit/enclave/jail.test.ts` tries each.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { enclaveErrors } from '../boundary/errors.ts';

/** The inherited descriptor that carries frames. */
export const CHANNEL_DESCRIPTOR = 3;

const NAMESPACE_WRAPPER = ['unshare', '-Urn', '-p', '-f', '--kill-child=SIGKILL'] as const;
/** No core dumps; and, where the system can, death with the parent, even in the middle of a long call. */
const START_SCRIPT = `ulimit -c 0
if setpriv --pdeathsig KILL true 2>/dev/null; then exec setpriv --pdeathsig KILL "$@"; fi
exec "$@"`;
const PROBE_TIMEOUT_MS = 5_000;
const REQUIRED_NODE_MAJOR = 26;

/** What to start and how large it may grow. */
export interface LaunchOptions {
  /** The enclave bundle, one file. */
  readonly bundlePath: string;
  /** Bound of the JavaScript heap inside the enclave, in MiB. */
  readonly maxHeapMiB: number;
  /** Whether to add the namespaces; see `namespacesAvailable`. */
  readonly namespaces: boolean;
}

/** Whether this system lets an ordinary user start a process in new user, network and process namespaces. */
export function namespacesAvailable(): Promise<boolean> {
  return new Promise((resolve) => {
    const [command, ...flags] = NAMESPACE_WRAPPER;
    const probe = spawn(command, [...flags, 'true'], { stdio: 'ignore', timeout: PROBE_TIMEOUT_MS });
    probe.once('error', () => resolve(false));
    probe.once('exit', (code) => resolve(code === 0));
  });
}

/** The command line of the enclave's Node, without the wrappers. */
export function nodeArguments(options: LaunchOptions): string[] {
  const bundle = realpathSync(options.bundlePath);
  return [
    '--permission',
    `--allow-fs-read=${bundle}`,
    '--no-experimental-sqlite',
    '--no-experimental-ffi',
    '--no-webstorage',
    '--no-addons',
    '--disallow-code-generation-from-strings',
    '--disable-proto=delete',
    '--disable-sigusr1',
    '--no-warnings',
    `--max-old-space-size=${options.maxHeapMiB}`,
    bundle,
  ];
}

/** Starts the jailed process with the channel on descriptor 3; its output is a pipe that must be drained. */
export function launchEnclave(options: LaunchOptions): ChildProcess {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < REQUIRED_NODE_MAJOR) throw enclaveErrors.error('ENCLAVE_NODE_TOO_OLD', { major });
  const wrapper = options.namespaces ? NAMESPACE_WRAPPER : [];
  const command = [...wrapper, 'env', '-i', process.execPath, ...nodeArguments(options)];
  return spawn('/bin/sh', ['-c', START_SCRIPT, 'enclave', ...command], {
    cwd: '/',
    // A session of its own: signals of the terminal or to the process group pass neither way.
    detached: true,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
}
