/**
 * A node on another machine, as far as one machine can be two: a network namespace of its own, where neither the lock of
 * a key nor a port of the first machine is seen, and from which peers are reached through sockets in the file system.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FailedLine } from './node-run.ts';

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BRIDGE = fileURLToPath(new URL('port-bridge.ts', import.meta.url));
const NAMESPACES = ['-Urn', '-p', '-f', '--kill-child=SIGKILL'];

/** Whether this machine lets an ordinary user make a second one. */
export const secondMachineAvailable = (): boolean =>
  process.platform === 'linux' && spawnSync('unshare', [...NAMESPACES, 'ip', 'link', 'set', 'lo', 'up']).status === 0;

/** See the module comment. */
export class OtherMachine implements AsyncDisposable {
  readonly #processes: ChildProcess[] = [];
  readonly #sockets = mkdtempSync(join(tmpdir(), 'cloister-bridge-'));
  #output = '';
  #exitCode: number | null | undefined;

  /** Starts a node there that dials peers on these ports of this machine. */
  static start(home: string, peerPorts: readonly number[]): OtherMachine {
    const machine = new OtherMachine();
    const pairs = peerPorts.map((port) => `${port}=${join(machine.#sockets, String(port))}`);
    const node = process.execPath;
    machine.#spawn(node, [BRIDGE, 'outside', ...pairs]);
    const script = `ip link set lo up && { "$0" "${BRIDGE}" inside ${pairs.join(' ')} & } && exec "$0" "${MAIN}" --home "${home}" --log.file "${home}/other-machine.log"`;
    const there = machine.#spawn('unshare', [...NAMESPACES, 'sh', '-c', script, node]);
    there.stdout?.setEncoding('utf8').on('data', (text: string) => {
      machine.#output += text;
    });
    there.once('close', (code) => {
      machine.#exitCode = code;
    });
    return machine;
  }

  /** Exit code of the node; undefined while it runs. */
  get exitCode(): number | null | undefined {
    return this.#exitCode;
  }

  /** What the node ended with, if it said so. */
  get failed(): FailedLine | undefined {
    const lines = this.#output.split('\n').filter((line) => line.startsWith('{"event":"failed"'));
    return lines.map((line) => JSON.parse(line) as FailedLine).at(-1);
  }

  /** Ends everything there. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#processes.map((child) => {
        if (child.exitCode !== null || child.signalCode !== null) return undefined;
        const ended = new Promise((resolve) => child.once('close', resolve));
        child.kill('SIGKILL');
        return ended;
      }),
    );
    rmSync(this.#sockets, { recursive: true, force: true });
  }

  #spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#processes.push(child);
    return child;
  }
}
