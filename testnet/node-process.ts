/**
 * One node process and its enclave: started with a lifeline, so that both end when this process does, whatever ends it.
 *
 * Invariants: at most one process runs the home; `stop` and `kill` resolve after the node, and with it every process
 * that descended from it, is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CloisterError } from '../protocol/errors.ts';
import { testnetErrors } from './errors.ts';
import { descendantsOf, identify, killProcess, type ProcessIdentity, waitUntilEnded } from './processes.ts';

/** Which of a validator's processes. */
export type ProcessChoice = 'node' | 'enclave' | 'both';

/** How a node process ended. */
export interface NodeExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The error that the node named, if it did. */
  readonly failure: CloisterError | undefined;
}

/** What a node process is started with. */
export interface NodeProcessOptions {
  readonly name: string;
  readonly index: number;
  readonly home: string;
  readonly api: string;
  readonly operations: string;
  readonly p2p: string;
  readonly logFile: string;
  /** What starts Node where this validator is to run; this process's own Node unless given. */
  readonly command?: readonly string[] | undefined;
  /** Settings by dotted name, asked anew at every start. */
  readonly flags: () => Promise<Readonly<Record<string, string>>>;
  /** Called when a process has started. */
  readonly onStarted: () => Promise<void>;
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<NodeExit>;
  readonly ready: Promise<{ readonly enclave: number }>;
}

interface FailedLine {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly data?: Readonly<Record<string, string | number | boolean>>;
}

const MAIN = fileURLToPath(new URL('../node/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL('../node_modules/.cache/cloister', import.meta.url));
const STOP_TIMEOUT_MS = 10_000;
const GONE_TIMEOUT_MS = 5_000;
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL'];

/** Only what a process needs: settings of the starting process must not reach a node of the test network. */
const childEnvironment = (): Record<string, string> => ({
  ...Object.fromEntries(
    PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  ),
  NODE_COMPILE_CACHE: COMPILE_CACHE,
});

const failureOf = ({ code, message, hint, data }: FailedLine, logFile: string): CloisterError =>
  new CloisterError(code, { message, hint, retryable: false }, { ...data, logFile });

/** See the module comment. */
export class NodeProcess {
  readonly name: string;
  readonly index: number;
  readonly home: string;
  readonly api: string;
  readonly operations: string;
  readonly p2p: string;
  readonly logFile: string;
  readonly #options: NodeProcessOptions;
  #running: Running | undefined;
  #lastExit: Promise<NodeExit> = Promise.resolve({ code: null, signal: null, failure: undefined });

  constructor(options: NodeProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.index = options.index;
    this.home = options.home;
    this.api = options.api;
    this.operations = options.operations;
    this.p2p = options.p2p;
    this.logFile = options.logFile;
  }

  /** Whether the node process runs. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** Ids of the processes that run now; the enclave's changes when the node starts it again. */
  get pids(): { readonly node: number | undefined; readonly enclave: number | undefined } {
    const node = this.#running?.child.pid;
    if (node === undefined) return { node: undefined, enclave: undefined };
    return { node, enclave: descendantsOf(node)[0]?.pid };
  }

  /** Settles when the process that runs now, or ran last, has ended. */
  get exited(): Promise<NodeExit> {
    return this.#lastExit;
  }

  /** Starts the process unless it runs; resolves when the node says that it is up, which is before it has a quorum. */
  async start(): Promise<void> {
    this.#running ??= await this.#spawn();
    const { ready, exited } = this.#running;
    const exit = await Promise.race([ready.then(() => undefined), exited]);
    if (exit === undefined) return;
    throw exit.failure ?? testnetErrors.error('TESTNET_NODE_ENDED', { validator: this.name, logFile: this.logFile });
  }

  /** Stops node and enclave in order; kills what does not end in time. */
  async stop(): Promise<NodeExit> {
    const running = this.#running;
    if (running === undefined) return this.#lastExit;
    running.child.stdin?.end();
    const timer = setTimeout(() => running.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    try {
      return await this.#gone(running, descendantsOf(running.child.pid ?? 0));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal; resolves when the processes have ended, for a signal that ends them. */
  async kill(signal: NodeJS.Signals, which: ProcessChoice): Promise<void> {
    const running = this.#running;
    const pid = running?.child.pid;
    if (running === undefined || pid === undefined) return;
    const enclave = descendantsOf(pid);
    const targets = which === 'node' ? [] : enclave.toReversed();
    const self = identify(pid);
    for (const target of which === 'enclave' || self === undefined ? targets : [self, ...targets])
      killProcess(target, signal);
    if (signal === 'SIGSTOP' || signal === 'SIGCONT') return;
    if (which === 'enclave') await waitUntilEnded(enclave, GONE_TIMEOUT_MS);
    else await this.#gone(running, enclave);
  }

  /** Stops the process if it runs and starts it again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Every process of this validator that runs now. */
  processes(): ProcessIdentity[] {
    const pid = this.#running?.child.pid;
    const node = pid === undefined ? undefined : identify(pid);
    return node === undefined ? [] : [node, ...descendantsOf(node.pid)];
  }

  async #gone(running: Running, enclave: readonly ProcessIdentity[]): Promise<NodeExit> {
    const exit = await running.exited;
    const left = await waitUntilEnded(enclave, GONE_TIMEOUT_MS);
    for (const process of left) killProcess(process, 'SIGKILL');
    await waitUntilEnded(left, GONE_TIMEOUT_MS);
    return exit;
  }

  async #spawn(): Promise<Running> {
    const flags = Object.entries(await this.#options.flags()).flatMap(([name, value]) => [`--${name}`, value]);
    const [program = '', ...before] = this.#options.command ?? [process.execPath];
    const output = await open(`${this.home}/stderr.log`, 'a', 0o600);
    let child: ChildProcess;
    try {
      child = spawn(program, [...before, MAIN, '--home', this.home, ...flags, '--lifeline'], {
        cwd: ROOT,
        env: childEnvironment(),
        // A process group of its own: Ctrl-C reaches this process alone, which then stops the nodes in order.
        detached: true,
        stdio: ['pipe', 'pipe', output.fd],
      });
    } finally {
      await output.close();
    }
    const running = this.#watch(child);
    this.#lastExit = running.exited;
    await this.#options.onStarted();
    return running;
  }

  #watch(child: ChildProcess): Running {
    const ready = Promise.withResolvers<{ readonly enclave: number }>();
    let failure: CloisterError | undefined;
    child.stdin?.on('error', () => undefined);
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = JSON.parse(line) as {
          readonly event: string;
          readonly pids?: { readonly enclave: number };
        } & FailedLine;
        if (event.event === 'ready') ready.resolve({ enclave: event.pids?.enclave ?? 0 });
        if (event.event === 'failed') failure = failureOf(event, this.logFile);
      });
    }
    const exited = new Promise<NodeExit>((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        this.#running = undefined;
        resolve({ code, signal, failure });
      };
      child.once('error', () => end(null, null));
      child.once('close', end);
    });
    return { child, exited, ready: ready.promise };
  }
}
