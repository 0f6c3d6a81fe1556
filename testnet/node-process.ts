/**
 * One node process and its enclave: started with a lifeline, so that both end when this process does, whatever ends it.
 *
 * Invariants: at most one process runs the home; `stop` and `kill` resolve after the node, and with it every process
 * that descended from it, is gone. What ends without `stop` or `kill` is reported, and with `revives` started again.
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
  /** Called when a process that was up, or is started again, ended although nobody here asked it to. */
  readonly onLost?: LossListener | undefined;
  /** Whether a process that something else killed is started again. */
  readonly revives?: boolean | undefined;
}

/** Hears of a node that ended although nobody here asked it to, and whether it is started again. */
export type LossListener = (node: NodeProcess, exit: NodeExit, isRevived: boolean) => void;

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<NodeExit>;
  readonly ready: Promise<undefined>;
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
/** What is killed more often than this is not meant to run. */
const MAX_REVIVALS = 10;
const ENDS_NOTHING: readonly NodeJS.Signals[] = ['SIGSTOP', 'SIGCONT'];
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
  #starting: Promise<void> | undefined;
  /** Whether it shall run: what ends while it shall is lost. */
  #isWanted = false;
  #revivals = 0;
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

  /** Whether it runs or is about to: a node that is being started again has not ended for good. */
  get isAlive(): boolean {
    return this.#running !== undefined || this.#starting !== undefined;
  }

  /** Starts the process unless it runs; resolves when the node says that it is up, which is before it has a quorum. */
  start(): Promise<void> {
    this.#isWanted = true;
    this.#starting ??= this.#untilUp().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Stops node and enclave in order; kills what does not end in time, or has not come up yet. */
  async stop(): Promise<NodeExit> {
    this.#isWanted = false;
    const [running, starting] = [this.#running, this.#starting];
    if (running !== undefined) {
      if (starting === undefined) running.child.stdin?.end();
      else running.child.kill('SIGKILL');
      const timer = setTimeout(() => running.child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await this.#gone(running, descendantsOf(running.child.pid ?? 0));
      clearTimeout(timer);
    }
    await starting?.catch(() => undefined);
    return this.#lastExit;
  }

  /** Sends a signal; resolves when the processes have ended, for a signal that ends them. */
  async kill(signal: NodeJS.Signals, which: ProcessChoice): Promise<void> {
    const running = this.#running;
    const pid = running?.child.pid;
    if (running === undefined || pid === undefined) return;
    const enclave = descendantsOf(pid);
    const targets = which === 'node' ? [] : enclave.toReversed();
    const self = identify(pid);
    if (which !== 'enclave' && !ENDS_NOTHING.includes(signal)) this.#isWanted = false;
    for (const target of which === 'enclave' || self === undefined ? targets : [self, ...targets])
      killProcess(target, signal);
    if (ENDS_NOTHING.includes(signal)) return;
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

  async #untilUp(): Promise<void> {
    for (;;) {
      const { ready, exited } = this.#running ?? (await this.#spawn());
      const exit = await Promise.race([ready, exited]);
      if (exit === undefined) return;
      if (!this.#isWanted) throw exit.failure ?? this.#ended();
    }
  }

  #ended(): CloisterError {
    return testnetErrors.error('TESTNET_NODE_ENDED', { validator: this.name, logFile: this.logFile });
  }

  async #spawn(): Promise<Running> {
    const flags = Object.entries(await this.#options.flags()).flatMap(([name, value]) => [`--${name}`, value]);
    const [program = '', ...before] = this.#options.command ?? [process.execPath];
    const output = await open(`${this.home}/stderr.log`, 'a', 0o600);
    let running: Running;
    try {
      if (!this.#isWanted) throw this.#ended();
      running = this.#watch(
        spawn(program, [...before, MAIN, '--home', this.home, ...flags, '--lifeline'], {
          cwd: ROOT,
          env: childEnvironment(),
          // A process group of its own: Ctrl-C reaches this process alone, which then stops the nodes in order.
          detached: true,
          stdio: ['pipe', 'pipe', output.fd],
        }),
      );
      this.#running = running;
      this.#lastExit = running.exited;
    } finally {
      await output.close();
    }
    await this.#options.onStarted();
    return running;
  }

  #watch(child: ChildProcess): Running {
    const ready = Promise.withResolvers<undefined>();
    let failure: CloisterError | undefined;
    child.stdin?.on('error', () => undefined);
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = JSON.parse(line) as { readonly event: string } & FailedLine;
        if (event.event === 'ready') ready.resolve(undefined);
        if (event.event === 'failed') failure = failureOf(event, this.logFile);
      });
    }
    const exited = new Promise<NodeExit>((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null): void => {
        const exit = { code, signal, failure };
        this.#running = undefined;
        resolve(exit);
        if (this.#isWanted) this.#lost(exit);
      };
      child.once('error', () => end(null, null));
      child.once('close', end);
    });
    return { child, exited, ready: ready.promise };
  }

  #lost(exit: NodeExit): void {
    const wasUp = this.#starting === undefined;
    // Only what was killed is started again: a node that ends by itself has said why.
    const isRevived = this.#options.revives === true && exit.signal !== null && this.#revivals < MAX_REVIVALS;
    this.#isWanted = isRevived;
    this.#revivals += 1;
    // A start that is under way goes on by itself; one that fails is reported as lost again.
    if (isRevived) this.start().catch(() => undefined);
    if (isRevived || wasUp) this.#options.onLost?.(this, exit, isRevived);
  }
}
